package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	coordination "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	core "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/record"
)

// Config is what the lab tells a kubelet.
type Config struct {
	Node       string            `json:"node"`
	Address    string            `json:"address"`
	Labels     map[string]string `json:"labels"`
	Kubeconfig string            `json:"kubeconfig"`
	ClientCA   string            `json:"client_ca"`
	// Lower is the root that containers share, below the layer of their image.
	Lower string `json:"lower"`
	// Images are layers and entry points by the name of the image without its tag.
	Images map[string]Image `json:"images"`
	DNS    string           `json:"dns"`
	// Service is where pods reach the API server.
	Service string `json:"service"`
}

// Image stands in for a container image.
type Image struct {
	Layer      string            `json:"layer"`
	Entrypoint []string          `json:"entrypoint"`
	Env        map[string]string `json:"env"`
}

// Kubelet runs the pods of one node.
type Kubelet struct {
	Config
	client kubernetes.Interface
	events record.EventRecorder
	mutex  sync.Mutex
	pods   map[types.UID]*Pod
}

func runKubelet(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	k := &Kubelet{pods: map[types.UID]*Pod{}}
	if err := json.Unmarshal(text, &k.Config); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", k.Kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 100, 200
	k.client = kubernetes.NewForConfigOrDie(config)
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&core.EventSinkImpl{Interface: k.client.CoreV1().Events("")})
	k.events = broadcaster.NewRecorder(scheme.Scheme, v1.EventSource{Component: "kubelet", Host: k.Node})

	ctx := context.Background()
	failed := make(chan error)
	go func() { failed <- k.serve() }()
	go k.heartbeat(ctx)
	go k.watch(ctx)
	return <-failed
}

// heartbeat registers the node and says every few seconds that it is there.
func (k *Kubelet) heartbeat(ctx context.Context) {
	for ; ; time.Sleep(2 * time.Second) {
		if err := k.beat(ctx); err != nil {
			fmt.Fprintf(os.Stderr, "heartbeat: %v\n", err)
		}
	}
}

func (k *Kubelet) beat(ctx context.Context) error {
	nodes := k.client.CoreV1().Nodes()
	node, err := nodes.Get(ctx, k.Node, meta.GetOptions{})
	if errors.IsNotFound(err) {
		labels := map[string]string{v1.LabelHostname: k.Node, v1.LabelOSStable: "linux", v1.LabelArchStable: "amd64"}
		for name, value := range k.Labels {
			labels[name] = value
		}
		node, err = nodes.Create(ctx, &v1.Node{ObjectMeta: meta.ObjectMeta{Name: k.Node, Labels: labels}}, meta.CreateOptions{})
	}
	if err != nil {
		return err
	}
	ready, changed := k.readiness(), false
	conditions := node.Status.Conditions[:0:0]
	for _, condition := range node.Status.Conditions {
		if condition.Type == v1.NodeNetworkUnavailable {
			conditions = append(conditions, condition)
		} else if condition.Type == v1.NodeReady && condition.Status == ready.Status {
			ready.LastTransitionTime = condition.LastTransitionTime
			changed = time.Since(condition.LastHeartbeatTime.Time) < 10*time.Second
		}
	}
	if !changed || node.Status.Capacity == nil {
		amount := v1.ResourceList{
			v1.ResourceCPU: resource.MustParse("8"), v1.ResourceMemory: resource.MustParse("16Gi"), v1.ResourcePods: resource.MustParse("110"),
		}
		for _, pressure := range []v1.NodeConditionType{v1.NodeMemoryPressure, v1.NodeDiskPressure, v1.NodePIDPressure} {
			none := ready
			none.Type, none.Status, none.Reason, none.Message = pressure, v1.ConditionFalse, "KubeletHasSufficient", ""
			conditions = append(conditions, none)
		}
		node.Status.Conditions = append(conditions, ready)
		node.Status.Capacity, node.Status.Allocatable = amount, amount
		node.Status.Addresses = []v1.NodeAddress{
			{Type: v1.NodeInternalIP, Address: k.Address}, {Type: v1.NodeHostName, Address: k.Node},
		}
		node.Status.DaemonEndpoints.KubeletEndpoint.Port = kubeletPort
		node.Status.NodeInfo.KubeletVersion = "v1.34.2"
		node.Status.NodeInfo.OperatingSystem, node.Status.NodeInfo.Architecture = "linux", "amd64"
		node.Status.NodeInfo.ContainerRuntimeVersion = "lab://namespaces"
		if _, err := nodes.UpdateStatus(ctx, node, meta.UpdateOptions{}); err != nil {
			return err
		}
	}
	return k.renewLease(ctx, node)
}

// readiness is false until a CNI configuration is there, as with any container runtime.
func (k *Kubelet) readiness() v1.NodeCondition {
	now := meta.Now()
	condition := v1.NodeCondition{
		Type: v1.NodeReady, Status: v1.ConditionTrue, Reason: "KubeletReady", Message: "kubelet is posting ready status",
		LastHeartbeatTime: now, LastTransitionTime: now,
	}
	if found, _ := filepath.Glob(cniConfigs); len(found) == 0 {
		condition.Status, condition.Reason = v1.ConditionFalse, "KubeletNotReady"
		condition.Message = "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized"
	}
	return condition
}

func (k *Kubelet) renewLease(ctx context.Context, node *v1.Node) error {
	leases := k.client.CoordinationV1().Leases(v1.NamespaceNodeLease)
	now, duration := meta.NowMicro(), int32(40)
	spec := coordination.LeaseSpec{HolderIdentity: &k.Node, LeaseDurationSeconds: &duration, RenewTime: &now}
	lease, err := leases.Get(ctx, k.Node, meta.GetOptions{})
	if errors.IsNotFound(err) {
		owner := meta.OwnerReference{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}
		object := meta.ObjectMeta{Name: k.Node, OwnerReferences: []meta.OwnerReference{owner}}
		_, err = leases.Create(ctx, &coordination.Lease{ObjectMeta: object, Spec: spec}, meta.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	if lease.Spec.RenewTime != nil && time.Since(lease.Spec.RenewTime.Time) < 10*time.Second {
		return nil
	}
	lease.Spec = spec
	_, err = leases.Update(ctx, lease, meta.UpdateOptions{})
	return err
}

// watch keeps the pods of this node as the API server wants them.
func (k *Kubelet) watch(ctx context.Context) {
	mine := fields.OneTermEqualSelector("spec.nodeName", k.Node)
	source := cache.NewListWatchFromClient(k.client.CoreV1().RESTClient(), "pods", v1.NamespaceAll, mine)
	_, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: source,
		ObjectType:    &v1.Pod{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(object any) { k.wanted(object.(*v1.Pod)) },
			UpdateFunc: func(_, object any) { k.wanted(object.(*v1.Pod)) },
			DeleteFunc: func(object any) {
				if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
					object = last.Obj
				}
				if pod := k.byUID(object.(*v1.Pod).UID); pod != nil {
					pod.stop()
				}
			},
		},
	})
	informer.RunWithContext(ctx)
}

func (k *Kubelet) wanted(object *v1.Pod) {
	k.mutex.Lock()
	pod, known := k.pods[object.UID]
	if !known {
		pod = newPod(k, object)
		k.pods[object.UID] = pod
	}
	k.mutex.Unlock()
	if object.DeletionTimestamp != nil {
		pod.stop()
	}
	pod.update(object)
	if !known {
		go pod.run()
	}
}

func (k *Kubelet) byUID(uid types.UID) *Pod {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.pods[uid]
}

// byName finds a pod that runs here.
func (k *Kubelet) byName(namespace, name string) *Pod {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	for _, pod := range k.pods {
		if object := pod.latest(); object.Namespace == namespace && object.Name == name {
			return pod
		}
	}
	return nil
}

func (k *Kubelet) forget(uid types.UID) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	delete(k.pods, uid)
}
