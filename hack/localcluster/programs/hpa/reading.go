package main

import (
	"context"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/apis/autoscaling"
	apis "k8s.io/kubernetes/pkg/apis/autoscaling/v2"
	"k8s.io/kubernetes/pkg/registry/autoscaling/horizontalpodautoscaler"
)

// problems says what the API server would refuse in a spec: each with its field, in the server's words.
func problems(spec *autoscalingv2.HorizontalPodAutoscalerSpec) ([]string, error) {
	hpa := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: *spec,
	}
	hpa.Spec.ScaleTargetRef = scaleTarget
	apis.SetObjectDefaults_HorizontalPodAutoscaler(hpa)
	internal := &autoscaling.HorizontalPodAutoscaler{}
	if err := apis.Convert_v2_HorizontalPodAutoscaler_To_autoscaling_HorizontalPodAutoscaler(hpa, internal, nil); err != nil {
		return nil, err
	}
	result := []string{}
	for _, problem := range horizontalpodautoscaler.Strategy.Validate(context.Background(), internal) {
		result = append(result, problem.Error())
	}
	return result, nil
}

// quantities reads them as a controller gets them: the API server has written them anew in its own form.
func quantities(texts []string) ([]Quantity, error) {
	result := []Quantity{}
	for _, text := range texts {
		given, err := resource.ParseQuantity(text)
		if err != nil {
			return nil, err
		}
		stored, err := resource.ParseQuantity(given.String())
		if err != nil {
			return nil, err
		}
		result = append(result, Quantity{stored.MilliValue(), stored.AsApproximateFloat64()})
	}
	return result, nil
}
