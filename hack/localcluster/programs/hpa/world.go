package main

import (
	"context"
	"fmt"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
	defaults "k8s.io/kubernetes/pkg/apis/autoscaling/v2"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
)

const (
	namespace = "default"
	name      = "model"
	key       = namespace + "/" + name
)

var scaleTarget = autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: name, APIVersion: "apps/v1"}

// beginning is where synctest's time begins.
var beginning = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func sinceBeginning(at time.Time) int64 { return at.Sub(beginning).Nanoseconds() }

func at(nanoseconds int64) metav1.Time {
	return metav1.NewTime(beginning.Add(time.Duration(nanoseconds)))
}

// controllers keeps one world for each combination of settings, as flags are given to a controller only once.
type controllers struct {
	worlds map[Settings]*world
}

func newControllers() *controllers { return &controllers{map[Settings]*world{}} }

func (c *controllers) of(settings Settings, gates map[string]bool) (*world, error) {
	if err := utilfeature.DefaultMutableFeatureGate.SetFromMap(gates); err != nil {
		return nil, err
	}
	if c.worlds[settings] == nil {
		c.worlds[settings] = newWorld(settings)
	}
	return c.worlds[settings], nil
}

// world is a controller, and all that it can see and change.
type world struct {
	controller *podautoscaler.HorizontalController
	pods, hpas cache.Indexer
	hpa        *autoscalingv2.HorizontalPodAutoscaler
	now        *Pass
	scaled     bool
	reason     string
}

func newWorld(settings Settings) *world {
	w := &world{}
	factory := informers.NewSharedInformerFactory(fake.NewClientset(), 0)
	hpas := factory.Autoscaling().V2().HorizontalPodAutoscalers()
	pods := factory.Core().V1().Pods()
	w.controller = podautoscaler.NewHorizontalController(
		context.Background(), events{}, scales{w}, autoscalers{w}, mapper{},
		metrics.NewRESTMetricsClient(resourceMetrics{w}, customMetrics{w}, externalMetrics{w}),
		hpas, pods, 15*time.Second,
		time.Duration(settings.DownscaleStabilization), settings.Tolerance,
		time.Duration(settings.CPUInitializationPeriod), time.Duration(settings.InitialReadinessDelay))
	recordTo(w.controller, recorder{w})
	w.pods, w.hpas = pods.Informer().GetIndexer(), hpas.Informer().GetIndexer()
	return w
}

// begin makes an autoscaler that has never run.
func (w *world) begin() {
	w.hpa = &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	enqueueHPA(w.controller, w.hpa)
}

// end deletes it, so that the controller forgets it.
func (w *world) end() error {
	deleteHPA(w.controller, w.hpa)
	deleted, err := reconcileKey(w.controller, context.Background(), key)
	if err == nil && !deleted {
		err = fmt.Errorf("the controller remembers the autoscaler of the case before")
	}
	return err
}

// pass waits until its time and lets the controller reconcile.
func (w *world) pass(now *Pass) Answer {
	time.Sleep(time.Until(at(now.At).Time))
	w.now, w.scaled, w.reason = now, false, ""
	w.hpa.Spec = now.Spec
	w.hpa.Spec.ScaleTargetRef = scaleTarget
	defaults.SetObjectDefaults_HorizontalPodAutoscaler(w.hpa)
	objects := make([]any, len(now.Pods))
	for index := range now.Pods {
		now.Pods[index].Namespace = namespace
		objects[index] = &now.Pods[index]
	}
	if err := w.pods.Replace(objects, ""); err != nil {
		panic(err)
	}
	metrics := w.metrics()
	scaled := now.Replicas
	err := reconcileAutoscaler(w.controller, context.Background(), w.hpa, key)
	if w.scaled {
		scaled = w.hpa.Status.DesiredReplicas
	}
	return Answer{
		Metrics: metrics, Replicas: scaled, Rescaled: w.scaled, Reason: w.reason, Error: text(err),
		Conditions: w.conditions(), LastScale: w.lastScale(),
		Recommendations: recommendations(w.controller, key),
		ScaleUps:        scaleEvents(w.controller, "scaleUpEvents", key),
		ScaleDowns:      scaleEvents(w.controller, "scaleDownEvents", key),
	}
}

func (w *world) metrics() []Metric {
	selector, err := labels.Parse(w.now.Selector)
	if err != nil {
		panic(err)
	}
	result := []Metric{}
	for _, spec := range w.hpa.Spec.Metrics {
		var status autoscalingv2.MetricStatus
		replicas, title, _, condition, err := computeReplicasForMetric(w.controller, context.Background(), w.hpa, spec,
			w.now.Replicas, w.now.StatusReplicas, selector, &status)
		metric := Metric{Replicas: replicas, Name: title, Reason: condition.Reason, Message: condition.Message, Error: text(err)}
		if current := currentOf(&status); current != nil {
			metric.AverageUtilization = current.AverageUtilization
			metric.AverageValue, metric.Value = milli(current.AverageValue), milli(current.Value)
		}
		result = append(result, metric)
	}
	return result
}

func currentOf(status *autoscalingv2.MetricStatus) *autoscalingv2.MetricValueStatus {
	switch status.Type {
	case autoscalingv2.ResourceMetricSourceType:
		return &status.Resource.Current
	case autoscalingv2.ContainerResourceMetricSourceType:
		return &status.ContainerResource.Current
	case autoscalingv2.PodsMetricSourceType:
		return &status.Pods.Current
	case autoscalingv2.ObjectMetricSourceType:
		return &status.Object.Current
	case autoscalingv2.ExternalMetricSourceType:
		return &status.External.Current
	}
	return nil
}

func (w *world) conditions() []Condition {
	result := []Condition{}
	for _, one := range w.hpa.Status.Conditions {
		since := sinceBeginning(one.LastTransitionTime.Time)
		result = append(result, Condition{string(one.Type), string(one.Status), one.Reason, one.Message, since})
	}
	return result
}

func (w *world) lastScale() *int64 {
	if w.hpa.Status.LastScaleTime == nil {
		return nil
	}
	last := sinceBeginning(w.hpa.Status.LastScaleTime.Time)
	return &last
}

func milli(quantity *resource.Quantity) *int64 {
	if quantity == nil {
		return nil
	}
	value := quantity.MilliValue()
	return &value
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
