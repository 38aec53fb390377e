package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	autoscalingclient "k8s.io/client-go/kubernetes/typed/autoscaling/v2"
	v1core "k8s.io/client-go/kubernetes/typed/core/v1"
	scaleclient "k8s.io/client-go/scale"
	customapi "k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"
	externalapi "k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	metricsapi "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	resourceclient "k8s.io/metrics/pkg/client/clientset/versioned/typed/metrics/v1beta1"
	"k8s.io/metrics/pkg/client/custom_metrics"
	"k8s.io/metrics/pkg/client/external_metrics"
)

// What the controller talks to: each answers from the present pass. A method that no pass needs is missing, and
// calling it would end the program.

type events struct{}

func (events) Events(string) v1core.EventInterface { return nil }

// recorder hears why replicas are changed.
type recorder struct{ *world }

func (recorder) Event(runtime.Object, string, string, string) {}

func (r recorder) Eventf(_ runtime.Object, _, reason, format string, arguments ...any) {
	if reason == "SuccessfulRescale" || reason == "FailedRescale" {
		_, r.world.reason, _ = strings.Cut(fmt.Sprintf(format, arguments...), "; reason: ")
	}
}

func (recorder) AnnotatedEventf(runtime.Object, map[string]string, string, string, string, ...any) {}

type mapper struct{ apimeta.RESTMapper }

func (mapper) RESTMappings(kind schema.GroupKind, _ ...string) ([]*apimeta.RESTMapping, error) {
	resource := schema.GroupVersionResource{Group: kind.Group, Version: "v1", Resource: "deployments"}
	return []*apimeta.RESTMapping{{Resource: resource, GroupVersionKind: kind.WithVersion("v1")}}, nil
}

type autoscalers struct{ *world }

func (a autoscalers) HorizontalPodAutoscalers(string) autoscalingclient.HorizontalPodAutoscalerInterface {
	return statuses{world: a.world}
}

type statuses struct {
	autoscalingclient.HorizontalPodAutoscalerInterface
	world *world
}

func (s statuses) UpdateStatus(_ context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler, _ metav1.UpdateOptions,
) (*autoscalingv2.HorizontalPodAutoscaler, error) {
	s.world.hpa.Status = *hpa.Status.DeepCopy()
	return s.world.hpa.DeepCopy(), nil
}

type scales struct{ *world }

func (s scales) Scales(string) scaleclient.ScaleInterface { return scale{world: s.world} }

type scale struct {
	scaleclient.ScaleInterface
	world *world
}

func (s scale) Get(context.Context, schema.GroupResource, string, metav1.GetOptions) (*autoscalingv1.Scale, error) {
	if s.world.now.GetScale != "" {
		return nil, errors.New(s.world.now.GetScale)
	}
	return &autoscalingv1.Scale{
		Spec:   autoscalingv1.ScaleSpec{Replicas: s.world.now.Replicas},
		Status: autoscalingv1.ScaleStatus{Replicas: s.world.now.StatusReplicas, Selector: s.world.now.Selector},
	}, nil
}

func (s scale) Update(_ context.Context, _ schema.GroupResource, new *autoscalingv1.Scale, _ metav1.UpdateOptions,
) (*autoscalingv1.Scale, error) {
	if s.world.now.UpdateScale != "" {
		return nil, errors.New(s.world.now.UpdateScale)
	}
	s.world.scaled = true
	return new, nil
}

type resourceMetrics struct{ *world }

func (r resourceMetrics) PodMetricses(string) resourceclient.PodMetricsInterface {
	return podMetrics{world: r.world}
}

type podMetrics struct {
	resourceclient.PodMetricsInterface
	world *world
}

func (p podMetrics) List(context.Context, metav1.ListOptions) (*metricsapi.PodMetricsList, error) {
	usage := p.world.now.Usage
	if usage.Error != "" {
		return nil, errors.New(usage.Error)
	}
	result := &metricsapi.PodMetricsList{}
	for _, pod := range usage.Pods {
		item := metricsapi.PodMetrics{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: pod.Pod},
			Timestamp:  at(pod.Timestamp),
			Window:     metav1.Duration{Duration: time.Duration(pod.Window)},
		}
		for container, amounts := range pod.Containers {
			used := v1.ResourceList{}
			for name, amount := range amounts {
				used[v1.ResourceName(name)] = quantity(amount)
			}
			item.Containers = append(item.Containers, metricsapi.ContainerMetrics{Name: container, Usage: used})
		}
		result.Items = append(result.Items, item)
	}
	return result, nil
}

type customMetrics struct{ *world }

func (c customMetrics) RootScopedMetrics() custom_metrics.MetricsInterface { return custom{c.world} }

func (c customMetrics) NamespacedMetrics(string) custom_metrics.MetricsInterface {
	return custom{c.world}
}

type custom struct{ world *world }

func (c custom) GetForObject(_ schema.GroupKind, _, metric string, _ labels.Selector) (*customapi.MetricValue, error) {
	found := c.world.now.Custom[metric]
	if found.Error != "" {
		return nil, errors.New(found.Error)
	}
	return &customapi.MetricValue{Value: quantity(found.Object)}, nil
}

func (c custom) GetForObjects(_ schema.GroupKind, _ labels.Selector, metric string, _ labels.Selector,
) (*customapi.MetricValueList, error) {
	found := c.world.now.Custom[metric]
	if found.Error != "" {
		return nil, errors.New(found.Error)
	}
	result := &customapi.MetricValueList{}
	for pod, value := range found.Pods {
		result.Items = append(result.Items, customapi.MetricValue{
			DescribedObject: v1.ObjectReference{Name: pod}, Value: quantity(value),
		})
	}
	return result, nil
}

type externalMetrics struct{ *world }

func (e externalMetrics) NamespacedMetrics(string) external_metrics.MetricsInterface {
	return external{e.world}
}

type external struct{ world *world }

func (e external) List(metric string, _ labels.Selector) (*externalapi.ExternalMetricValueList, error) {
	found := e.world.now.External[metric]
	if found.Error != "" {
		return nil, errors.New(found.Error)
	}
	result := &externalapi.ExternalMetricValueList{}
	for _, value := range found.Values {
		result.Items = append(result.Items, externalapi.ExternalMetricValue{Value: quantity(value)})
	}
	return result, nil
}

func quantity(milli int64) resource.Quantity {
	return *resource.NewMilliQuantity(milli, resource.DecimalSI)
}
