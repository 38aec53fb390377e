package main

import (
	"context"
	"reflect"
	"time"
	"unsafe"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/record"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
)

// Parts of the controller that it does not export, called where they are: nothing of upstream's is copied or changed.

//go:linkname reconcileAutoscaler k8s.io/kubernetes/pkg/controller/podautoscaler.(*HorizontalController).reconcileAutoscaler
func reconcileAutoscaler(controller *podautoscaler.HorizontalController, ctx context.Context,
	hpa *autoscalingv2.HorizontalPodAutoscaler, key string) error

//go:linkname reconcileKey k8s.io/kubernetes/pkg/controller/podautoscaler.(*HorizontalController).reconcileKey
func reconcileKey(controller *podautoscaler.HorizontalController, ctx context.Context, key string) (bool, error)

//go:linkname enqueueHPA k8s.io/kubernetes/pkg/controller/podautoscaler.(*HorizontalController).enqueueHPA
func enqueueHPA(controller *podautoscaler.HorizontalController, hpa any)

//go:linkname deleteHPA k8s.io/kubernetes/pkg/controller/podautoscaler.(*HorizontalController).deleteHPA
func deleteHPA(controller *podautoscaler.HorizontalController, hpa any)

//go:linkname computeReplicasForMetric k8s.io/kubernetes/pkg/controller/podautoscaler.(*HorizontalController).computeReplicasForMetric
func computeReplicasForMetric(controller *podautoscaler.HorizontalController, ctx context.Context,
	hpa *autoscalingv2.HorizontalPodAutoscaler, spec autoscalingv2.MetricSpec, specReplicas, statusReplicas int32,
	selector labels.Selector, status *autoscalingv2.MetricStatus) (int32, string, time.Time,
	autoscalingv2.HorizontalPodAutoscalerCondition, error)

// recordTo lets the controller tell its Events to this recorder instead of an API server.
func recordTo(controller *podautoscaler.HorizontalController, recorder record.EventRecorder) {
	field := reflect.ValueOf(controller).Elem().FieldByName("eventRecorder")
	*(*record.EventRecorder)(unsafe.Pointer(field.UnsafeAddr())) = recorder
}

// memory is what the controller remembers under a key: the slots of one of its maps, in their order.
func memory(controller *podautoscaler.HorizontalController, name, key string) []reflect.Value {
	slots := reflect.ValueOf(controller).Elem().FieldByName(name).MapIndex(reflect.ValueOf(key))
	if !slots.IsValid() {
		return nil
	}
	entries := make([]reflect.Value, slots.Len())
	for index := range entries {
		entries[index] = slots.Index(index)
	}
	return entries
}

func recommendations(controller *podautoscaler.HorizontalController, key string) []Recommendation {
	result := []Recommendation{}
	for _, slot := range memory(controller, "recommendations", key) {
		result = append(result, Recommendation{int32(slot.FieldByName("recommendation").Int()), timeOf(slot)})
	}
	return result
}

func scaleEvents(controller *podautoscaler.HorizontalController, name, key string) []ScaleEvent {
	result := []ScaleEvent{}
	for _, slot := range memory(controller, name, key) {
		change := int32(slot.FieldByName("replicaChange").Int())
		result = append(result, ScaleEvent{change, timeOf(slot), slot.FieldByName("outdated").Bool()})
	}
	return result
}

func timeOf(slot reflect.Value) int64 {
	return sinceBeginning(*(*time.Time)(unsafe.Pointer(slot.FieldByName("timestamp").UnsafeAddr())))
}
