package main

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// gpuResource is the name under which AMD's device plugin reports GPUs.
const gpuResource v1.ResourceName = "amd.com/gpu"

// imageBytes is about what the image takes on a node.
const imageBytes = 30 << 30

// kubeNode is the node of mi300x as a kubelet reports it.
func kubeNode(i int) *v1.Node {
	room := resources(nodeCPUs, nodeBytes, nodeDisk, perNode)
	room[v1.ResourcePods] = *resource.NewQuantity(110, resource.DecimalSI) // the kubelet's default
	return &v1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: nodeName(i), UID: types.UID(nodeName(i)),
			Labels: map[string]string{v1.LabelHostname: nodeName(i), v1.LabelTopologyZone: zone(i)},
		},
		Status: v1.NodeStatus{
			Capacity: room, Allocatable: room,
			Conditions: []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionTrue}},
			Images:     []v1.ContainerImage{{Names: []string{image}, SizeBytes: imageBytes}},
		},
	}
}

// kubePod is the request of asked as a pod. It takes nobody's place, as ours
// does not: the look for victims would cost kube-scheduler as much again.
func kubePod(r request) *v1.Pod {
	need := resources(r.gpus*cpusPerGPU, int64(r.gpus)*hostPerGPU, int64(r.gpus)*diskPerGPU, r.gpus)
	name, preempts := fmt.Sprint("d", r.number), v1.PreemptNever
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: metav1.NamespaceDefault, UID: types.UID(name), Labels: map[string]string{"app": name}},
		Spec: v1.PodSpec{
			SchedulerName:    v1.DefaultSchedulerName,
			PreemptionPolicy: &preempts,
			Containers: []v1.Container{{
				Name: "server", Image: image,
				Resources: v1.ResourceRequirements{Requests: need, Limits: need},
			}},
		},
	}
}

func resources(cpus int, memory, disk int64, gpus int) v1.ResourceList {
	return v1.ResourceList{
		v1.ResourceCPU:              *resource.NewQuantity(int64(cpus), resource.DecimalSI),
		v1.ResourceMemory:           *resource.NewQuantity(memory, resource.BinarySI),
		v1.ResourceEphemeralStorage: *resource.NewQuantity(disk, resource.BinarySI),
		gpuResource:                 *resource.NewQuantity(int64(gpus), resource.DecimalSI),
	}
}
