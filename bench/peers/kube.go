package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/profile"
)

// outcomeWithin is how long a binding may take that nobody holds up.
const outcomeWithin = 10 * time.Second

// kube is kube-scheduler with its default profile. Nodes and pods come to its
// cache and queue by the calls that its event handlers make.
type kube struct {
	ctx      context.Context
	stop     context.CancelFunc
	client   *fake.Clientset
	sched    *scheduler.Scheduler
	pods     cache.Indexer // what its informer knows: a refused pod must be there
	outcomes chan error    // one a decision: nil when the pod is bound
}

// errRefused is the outcome for a pod that fits nowhere.
var errRefused = errors.New("refused")

func newKube(nodes int) (engine, error) {
	ctx, stop := context.WithCancel(klog.NewContext(context.Background(), logr.Discard()))
	k := &kube{ctx: ctx, stop: stop, client: fake.NewClientset(), outcomes: make(chan error, 1)}
	k.client.PrependReactor("*", "pods", k.agree)
	if err := k.start(); err != nil {
		stop()
		return nil, err
	}
	for i := range nodes {
		k.sched.Cache.AddNode(klog.FromContext(ctx), kubeNode(i))
	}
	return k, nil
}

func (k *kube) start() error {
	informers := scheduler.NewInformerFactory(k.client, 0)
	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: k.client.EventsV1()})
	sched, err := scheduler.New(k.ctx, k.client, informers, nil, profile.NewRecorderFactory(broadcaster))
	if err != nil {
		return fmt.Errorf("making kube-scheduler: %w", err)
	}
	k.sched, k.pods = sched, informers.Core().V1().Pods().Informer().GetIndexer()
	refuse := sched.FailureHandler
	sched.FailureHandler = func(ctx context.Context, f framework.Framework, pod *framework.QueuedPodInfo, why *fwk.Status, nominated *fwk.NominatingInfo, began time.Time) {
		refuse(ctx, f, pod, why, nominated, began)
		if why.IsRejected() {
			k.outcomes <- errRefused
			return
		}
		k.outcomes <- why.AsError()
	}
	informers.Start(k.ctx.Done())
	informers.WaitForCacheSync(k.ctx.Done())
	return sched.WaitForHandlersSync(k.ctx)
}

// agree answers what the scheduler writes: a binding, or the status of a pod
// that fits nowhere.
func (k *kube) agree(a ktesting.Action) (handled bool, answer runtime.Object, err error) {
	switch {
	case a.Matches("create", "pods/binding"):
		k.outcomes <- nil
	case a.Matches("patch", "pods/status"):
	default:
		return false, nil, nil
	}
	return true, &v1.Pod{}, nil
}

func (k *kube) place(r request) (took time.Duration, placed bool, err error) {
	pod := kubePod(r)
	if err := k.pods.Add(pod); err != nil {
		return 0, false, err
	}
	k.sched.SchedulingQueue.Add(k.ctx, pod)
	began := time.Now()
	k.sched.ScheduleOne(k.ctx)
	took = time.Since(began)
	err = k.outcome(pod)
	k.client.ClearActions() // it remembers every call
	if errors.Is(err, errRefused) {
		k.sched.SchedulingQueue.Delete(pod) // where it waits for a change
		return took, false, k.pods.Delete(pod)
	}
	if err != nil {
		return took, false, err
	}
	return took, true, k.confirm(pod)
}

// outcome waits for what became of the pod: bindings run by themselves.
func (k *kube) outcome(pod *v1.Pod) error {
	select {
	case err := <-k.outcomes:
		return err
	case <-time.After(outcomeWithin):
		return fmt.Errorf("pod %s was neither bound nor refused within %v", pod.Name, outcomeWithin)
	}
}

// confirm tells the cache of a pod that is bound, as a watch would.
func (k *kube) confirm(pod *v1.Pod) error {
	assumed, err := k.sched.Cache.GetPod(pod)
	if err != nil {
		return err
	}
	return errors.Join(k.pods.Update(assumed), k.sched.Cache.AddPod(klog.FromContext(k.ctx), assumed))
}

func (k *kube) end(r request) error {
	pod, err := k.sched.Cache.GetPod(kubePod(r))
	if err != nil {
		return err
	}
	return errors.Join(k.sched.Cache.RemovePod(klog.FromContext(k.ctx), pod), k.pods.Delete(pod))
}

func (k *kube) close() {
	k.stop()
	k.sched.SchedulingQueue.Close()
}
