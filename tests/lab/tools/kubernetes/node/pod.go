package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"

	"github.com/containernetworking/cni/libcni"
	types100 "github.com/containernetworking/cni/pkg/types/100"
	v1 "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
)

const (
	cniConfigs = "/etc/cni/net.d/*.conflist"
	cniPlugins = "/opt/cni/bin"
)

// Pod is a pod that this node runs: its network namespace and its containers.
type Pod struct {
	kubelet *Kubelet
	ctx     context.Context
	stop    context.CancelFunc
	// changed: something that the status should tell; updated: the object itself.
	changed, updated chan struct{}

	mutex      sync.Mutex
	object     *v1.Pod
	address    string
	containers map[string]*Container
	order      []string
}

func newPod(k *Kubelet, object *v1.Pod) *Pod {
	ctx, stop := context.WithCancel(context.Background())
	return &Pod{
		kubelet: k, object: object, ctx: ctx, stop: stop,
		changed: make(chan struct{}, 1), updated: make(chan struct{}, 1), containers: map[string]*Container{},
	}
}

func (p *Pod) latest() *v1.Pod {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.object
}

func (p *Pod) update(object *v1.Pod) {
	p.mutex.Lock()
	p.object = object
	p.mutex.Unlock()
	signal(p.updated)
}

// notify says that something changed that the status should tell.
func (p *Pod) notify() { signal(p.changed) }

func signal(channel chan struct{}) {
	select {
	case channel <- struct{}{}:
	default:
	}
}

func (p *Pod) netns() string {
	if p.object.Spec.HostNetwork {
		return ""
	}
	return "/run/netns/" + p.netnsName()
}

func (p *Pod) netnsName() string { return "cni-" + string(p.object.UID) }

// run lives as long as the pod does.
func (p *Pod) run() {
	defer p.end()
	go p.follow()
	if !p.object.Spec.HostNetwork && !p.setUpNetwork() {
		return
	}
	p.notify()
	for _, container := range p.object.Spec.InitContainers {
		if !p.add(container).runToEnd() {
			return
		}
	}
	for _, container := range p.object.Spec.Containers {
		go p.add(container).keep(p.object.Spec.RestartPolicy)
	}
	for {
		for _, ephemeral := range p.latest().Spec.EphemeralContainers {
			container := v1.Container(ephemeral.EphemeralContainerCommon)
			if p.container(container.Name) == nil {
				go p.add(container).keep(v1.RestartPolicyNever)
			}
		}
		select {
		case <-p.ctx.Done():
			return
		case <-p.updated:
		}
	}
}

// follow writes the status whenever something changed, and now and then: while a node was away the controllers called
// its pods not ready.
func (p *Pod) follow() {
	for {
		p.tell()
		select {
		case <-p.ctx.Done():
			return
		case <-p.changed:
		case <-time.After(10 * time.Second):
		}
	}
}

func (p *Pod) add(spec v1.Container) *Container {
	container := newContainer(p, spec)
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.containers[spec.Name] = container
	p.order = append(p.order, spec.Name)
	return container
}

func (p *Pod) container(name string) *Container {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.containers[name]
}

// setUpNetwork tries until the CNI plugin gives the pod a network. False: the pod went first.
func (p *Pod) setUpNetwork() bool {
	for {
		err := p.cni(true)
		if err == nil {
			return true
		}
		exec.Command("ip", "netns", "del", p.netnsName()).Run()
		p.kubelet.events.Eventf(p.latest(), v1.EventTypeWarning, "FailedCreatePodSandBox",
			"Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox %q: %v", p.sandbox(), err)
		select {
		case <-p.ctx.Done():
			return false
		case <-time.After(5 * time.Second):
		}
	}
}

func (p *Pod) sandbox() string { return fmt.Sprintf("%x", p.object.UID)[:64] }

// cni adds the pod to the network, or takes it out.
func (p *Pod) cni(add bool) error {
	files, err := libcni.ConfFiles("/etc/cni/net.d", []string{".conflist"})
	if err != nil || len(files) == 0 {
		return fmt.Errorf("cni plugin not initialized")
	}
	slices.Sort(files)
	list, err := libcni.ConfListFromFile(files[0])
	if err != nil {
		return err
	}
	settings := &libcni.RuntimeConf{
		ContainerID: p.sandbox(), NetNS: p.netns(), IfName: "eth0",
		Args: [][2]string{
			{"IgnoreUnknown", "1"}, {"K8S_POD_NAMESPACE", p.object.Namespace}, {"K8S_POD_NAME", p.object.Name},
			{"K8S_POD_INFRA_CONTAINER_ID", p.sandbox()}, {"K8S_POD_UID", string(p.object.UID)},
		},
		CapabilityArgs: bandwidth(p.object),
	}
	plugins := libcni.NewCNIConfig([]string{cniPlugins}, nil)
	if !add {
		return plugins.DelNetworkList(context.Background(), list, settings)
	}
	if out, err := exec.Command("ip", "netns", "add", p.netnsName()).CombinedOutput(); err != nil {
		return fmt.Errorf("network namespace: %s", out)
	}
	exec.Command("ip", "-n", p.netnsName(), "link", "set", "lo", "up").Run()
	answer, err := plugins.AddNetworkList(p.ctx, list, settings)
	if err != nil {
		plugins.DelNetworkList(context.Background(), list, settings)
		return err
	}
	result, err := types100.GetResult(answer)
	if err != nil || len(result.IPs) == 0 {
		return fmt.Errorf("the plugin gave no address: %v", err)
	}
	p.mutex.Lock()
	p.address = result.IPs[0].Address.IP.String()
	p.mutex.Unlock()
	return nil
}

// end takes the pod away and confirms its deletion.
func (p *Pod) end() {
	p.mutex.Lock()
	for _, container := range p.containers {
		container.kill()
	}
	p.mutex.Unlock()
	if !p.object.Spec.HostNetwork {
		for try := 0; try < 5; try++ {
			if err := p.cni(false); err == nil {
				break
			}
			time.Sleep(time.Second)
		}
		exec.Command("ip", "netns", "del", p.netnsName()).Run()
	}
	os.RemoveAll(p.dir())
	none := int64(0)
	uid := p.object.UID
	options := meta.DeleteOptions{GracePeriodSeconds: &none, Preconditions: &meta.Preconditions{UID: &uid}}
	if p.ctx.Err() != nil {
		p.kubelet.client.CoreV1().Pods(p.object.Namespace).Delete(context.Background(), p.object.Name, options)
		p.kubelet.forget(uid)
	}
}

func (p *Pod) dir() string { return "/var/lib/kubelet/pods/" + string(p.object.UID) }

// tell writes the status.
func (p *Pod) tell() {
	pods := p.kubelet.client.CoreV1().Pods(p.object.Namespace)
	err := retry.OnError(retry.DefaultBackoff, func(error) bool { return p.ctx.Err() == nil }, func() error {
		object, err := pods.Get(p.ctx, p.object.Name, meta.GetOptions{})
		if err != nil || object.UID != p.object.UID {
			return err
		}
		p.describe(&object.Status, object)
		_, err = pods.UpdateStatus(p.ctx, object, meta.UpdateOptions{})
		return err
	})
	if err != nil && p.ctx.Err() == nil {
		fmt.Fprintf(os.Stderr, "status of %s/%s: %v\n", p.object.Namespace, p.object.Name, err)
		time.AfterFunc(2*time.Second, p.notify)
	}
}

func (p *Pod) describe(status *v1.PodStatus, object *v1.Pod) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	status.HostIP = p.kubelet.Address
	status.HostIPs = []v1.HostIP{{IP: p.kubelet.Address}}
	if address := p.address; address != "" || object.Spec.HostNetwork {
		if object.Spec.HostNetwork {
			address = p.kubelet.Address
		}
		status.PodIP, status.PodIPs = address, []v1.PodIP{{IP: address}}
	}
	if status.StartTime == nil {
		now := meta.Now()
		status.StartTime = &now
	}
	status.InitContainerStatuses, _ = p.told(object.Spec.InitContainers)
	var ready bool
	status.ContainerStatuses, ready = p.told(object.Spec.Containers)
	status.EphemeralContainerStatuses = nil
	for _, e := range object.Spec.EphemeralContainers {
		if c := p.containers[e.Name]; c != nil {
			status.EphemeralContainerStatuses = append(status.EphemeralContainerStatuses, c.status(v1.Container(e.EphemeralContainerCommon)))
		}
	}
	initialized := !slices.ContainsFunc(status.InitContainerStatuses, func(s v1.ContainerStatus) bool { return !s.Ready })
	running, ended := 0, 0
	for _, s := range status.ContainerStatuses {
		if s.State.Running != nil {
			running++
		}
		if s.State.Terminated != nil {
			ended++
		}
	}
	switch {
	case running > 0 || slices.ContainsFunc(status.ContainerStatuses, func(s v1.ContainerStatus) bool { return s.RestartCount > 0 }):
		status.Phase = v1.PodRunning
	case ended == len(status.ContainerStatuses):
		status.Phase = v1.PodSucceeded
		if slices.ContainsFunc(status.ContainerStatuses, func(s v1.ContainerStatus) bool { return s.State.Terminated.ExitCode != 0 }) {
			status.Phase = v1.PodFailed
		}
	default:
		status.Phase = v1.PodPending
	}
	setCondition(status, v1.PodReadyToStartContainers, p.address != "" || object.Spec.HostNetwork)
	setCondition(status, v1.PodInitialized, initialized)
	setCondition(status, v1.ContainersReady, ready)
	setCondition(status, v1.PodReady, ready)
}

// told is what the pod's containers are, and whether all are ready.
func (p *Pod) told(specs []v1.Container) (all []v1.ContainerStatus, ready bool) {
	ready = true
	for _, spec := range specs {
		status := p.containers[spec.Name].status(spec)
		all, ready = append(all, status), ready && status.Ready
	}
	return all, ready
}

func setCondition(status *v1.PodStatus, kind v1.PodConditionType, holds bool) {
	value := v1.ConditionFalse
	if holds {
		value = v1.ConditionTrue
	}
	for i, condition := range status.Conditions {
		if condition.Type == kind {
			if condition.Status != value {
				status.Conditions[i].Status, status.Conditions[i].LastTransitionTime = value, meta.Now()
			}
			return
		}
	}
	status.Conditions = append(status.Conditions, v1.PodCondition{Type: kind, Status: value, LastTransitionTime: meta.Now()})
}

// bandwidth hands the annotations of the bandwidth plugin on, as container runtimes do.
func bandwidth(object *v1.Pod) map[string]any {
	limits := map[string]any{}
	for annotation, names := range map[string][2]string{
		"kubernetes.io/ingress-bandwidth": {"ingressRate", "ingressBurst"},
		"kubernetes.io/egress-bandwidth":  {"egressRate", "egressBurst"},
	} {
		if rate, err := parseQuantity(object.Annotations[annotation]); err == nil {
			limits[names[0]], limits[names[1]] = rate, int64(1<<21)
		}
	}
	if len(limits) == 0 {
		return nil
	}
	return map[string]any{"bandwidth": limits}
}
