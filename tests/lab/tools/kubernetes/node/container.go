package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	authentication "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Container is one container of a pod, over all its starts.
type Container struct {
	pod  *Pod
	spec v1.Container
	log  string

	mutex sync.Mutex
	// env is that of the last start: who enters must not need the API server.
	env       []string
	pid       int
	state     v1.ContainerState
	last      v1.ContainerState
	restarts  int32
	ready     bool
	stdin     io.WriteCloser
	followers map[io.Writer]chan struct{}
}

func newContainer(p *Pod, spec v1.Container) *Container {
	log := fmt.Sprintf("/var/log/pods/%s_%s_%s/%s/0.log", p.object.Namespace, p.object.Name, p.object.UID, spec.Name)
	return &Container{
		pod: p, spec: spec, log: log, followers: map[io.Writer]chan struct{}{},
		state: v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: "ContainerCreating"}},
	}
}

// runToEnd runs an init container until it succeeds. False: the pod went first.
func (c *Container) runToEnd() bool {
	for c.runOnce() != 0 {
		if !c.pause(2 * time.Second) {
			return false
		}
	}
	c.setReady(true)
	return true
}

// keep runs a container again and again, as its pod wants it.
func (c *Container) keep(policy v1.RestartPolicy) {
	for pause := time.Second; ; pause = min(2*pause, 10*time.Second) {
		started := time.Now()
		code := c.runOnce()
		if time.Since(started) > time.Minute {
			pause = time.Second
		}
		if policy == v1.RestartPolicyNever || policy == v1.RestartPolicyOnFailure && code == 0 || !c.pause(pause) {
			return
		}
		c.mutex.Lock()
		c.restarts++
		c.mutex.Unlock()
	}
}

func (c *Container) pause(duration time.Duration) bool {
	select {
	case <-c.pod.ctx.Done():
		return false
	case <-time.After(duration):
		return true
	}
}

func (c *Container) runOnce() int32 {
	started := meta.Now()
	code, reason := int32(128), ""
	cmd, err := c.start()
	if err == nil {
		c.setState(v1.ContainerState{Running: &v1.ContainerStateRunning{StartedAt: started}}, cmd.Process.Pid)
		watched, done := context.WithCancel(c.pod.ctx)
		go c.probe(watched)
		cmd.Wait()
		done()
		status := cmd.ProcessState.Sys().(syscall.WaitStatus)
		code = int32(status.ExitStatus())
		if status.Signaled() {
			code = 128 + int32(status.Signal())
		}
	} else {
		reason = err.Error()
	}
	ended := v1.ContainerStateTerminated{ExitCode: code, Reason: "Completed", Message: reason, StartedAt: started, FinishedAt: meta.Now()}
	if code != 0 {
		ended.Reason = "Error"
	}
	c.setReady(false)
	c.setState(v1.ContainerState{Terminated: &ended}, 0)
	return code
}

func (c *Container) setState(state v1.ContainerState, pid int) {
	c.mutex.Lock()
	if c.state.Terminated != nil {
		c.last = c.state
	}
	c.state, c.pid = state, pid
	if pid == 0 {
		for _, done := range c.followers {
			close(done)
		}
		c.followers = map[io.Writer]chan struct{}{}
	} else {
		c.ready = c.spec.ReadinessProbe == nil
	}
	c.mutex.Unlock()
	c.pod.notify()
}

func (c *Container) setReady(ready bool) {
	c.mutex.Lock()
	changed := c.ready != ready
	c.ready = ready
	c.mutex.Unlock()
	if changed {
		c.pod.notify()
	}
}

func (c *Container) running() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.pid
}

func (c *Container) kill() {
	if pid := c.running(); pid != 0 {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// start makes the box of the container; its output goes to the log and to whoever is attached.
func (c *Container) start() (*exec.Cmd, error) {
	k, object := c.pod.kubelet, c.pod.object
	image := c.image()
	lower := []string{k.Lower}
	if image.Layer != "" {
		lower = []string{image.Layer, k.Lower}
	}
	argv := append(append([]string{}, c.spec.Command...), c.spec.Args...)
	if len(c.spec.Command) == 0 {
		argv = append(append([]string{}, image.Entrypoint...), c.spec.Args...)
	}
	if len(argv) == 0 {
		return nil, fmt.Errorf("no command specified")
	}
	binds, err := c.volumes()
	if err != nil {
		return nil, err
	}
	work := filepath.Join(c.pod.dir(), "containers", c.spec.Name)
	if err := os.MkdirAll(work, 0o755); err != nil {
		return nil, err
	}
	hostname := object.Name
	if object.Spec.HostNetwork {
		hostname = k.Node
	}
	c.env = c.environment()
	cmd, err := Box{
		Hostname: hostname, Net: c.pod.netns(), Lower: lower, Work: work, Binds: binds, Env: c.env, Argv: argv,
		Dir: c.spec.WorkingDir,
		Files: map[string]string{
			"/etc/hostname":    hostname + "\n",
			"/etc/resolv.conf": fmt.Sprintf("search %s.svc.cluster.local svc.cluster.local cluster.local\nnameserver %s\noptions ndots:5\n", object.Namespace, k.DNS),
		},
	}.command()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(c.log), 0o755); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	// Not StdoutPipe: a grandchild that holds the pipe must not keep Wait from returning.
	for stream, target := range map[string]*io.Writer{"stdout": &cmd.Stdout, "stderr": &cmd.Stderr} {
		read, write, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		*target = write
		defer write.Close()
		go c.copyOutput(stream, read, log)
	}
	if c.spec.Stdin {
		if c.stdin, err = cmd.StdinPipe(); err != nil {
			return nil, err
		}
	}
	err = cmd.Start()
	for _, file := range cmd.ExtraFiles {
		file.Close()
	}
	return cmd, err
}

// copyOutput writes what a container says in the format of the CRI.
func (c *Container) copyOutput(stream string, read *os.File, log *os.File) {
	defer read.Close()
	lines := bufio.NewReader(read)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			fmt.Fprintf(log, "%s %s F %s\n", time.Now().Format(time.RFC3339Nano), stream, strings.TrimSuffix(line, "\n"))
			c.mutex.Lock()
			for follower := range c.followers {
				io.WriteString(follower, line)
			}
			c.mutex.Unlock()
		}
		if err != nil {
			return
		}
	}
}

// image finds what stands in for the container's image; an unknown one is the bare root.
func (c *Container) image() Image {
	name, _, _ := strings.Cut(c.spec.Image, "@")
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		name = name[:colon]
	}
	return c.pod.kubelet.Images[name]
}

func (c *Container) environment() []string {
	host, port, _ := strings.Cut(c.pod.kubelet.Service, ":")
	env := map[string]string{"PATH": searchPath, "HOME": "/root", "KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
	k := c.pod.kubelet
	maps.Copy(env, c.image().Env)
	for _, variable := range c.spec.Env {
		value, source := variable.Value, variable.ValueFrom
		switch {
		case source == nil:
		case source.FieldRef != nil:
			value = map[string]string{
				"spec.nodeName": k.Node, "metadata.name": c.pod.object.Name, "metadata.namespace": c.pod.object.Namespace,
				"status.hostIP": k.Address, "status.podIP": c.pod.address,
			}[source.FieldRef.FieldPath]
		case source.ConfigMapKeyRef != nil:
			reference := source.ConfigMapKeyRef
			if data, err := k.client.CoreV1().ConfigMaps(c.pod.object.Namespace).Get(c.pod.ctx, reference.Name, meta.GetOptions{}); err == nil {
				value = data.Data[reference.Key]
			}
		}
		env[variable.Name] = value
	}
	all := make([]string, 0, len(env))
	for name, value := range env {
		all = append(all, name+"="+value)
	}
	return all
}

// volumes makes the pod's volumes and says which go where in this container.
func (c *Container) volumes() ([]string, error) {
	binds := []string{}
	for _, mount := range c.spec.VolumeMounts {
		for _, volume := range c.pod.object.Spec.Volumes {
			if volume.Name != mount.Name {
				continue
			}
			source := filepath.Join(c.pod.dir(), "volumes", volume.Name)
			switch {
			case volume.HostPath != nil:
				source = volume.HostPath.Path
				if kind := volume.HostPath.Type; kind != nil && *kind == v1.HostPathFileOrCreate {
					if file, err := os.OpenFile(source, os.O_CREATE, 0o644); err == nil {
						file.Close()
					}
				}
			case volume.Projected != nil:
				if err := c.project(volume.Projected, source); err != nil {
					return nil, fmt.Errorf("volume %s: %w", volume.Name, err)
				}
			}
			if strings.HasPrefix(mount.MountPath, "/sys") {
				continue // A box has its own.
			}
			binds = append(binds, source+":"+mount.MountPath)
		}
	}
	return binds, nil
}

func (c *Container) project(volume *v1.ProjectedVolumeSource, dir string) error {
	api, object := c.pod.kubelet.client.CoreV1(), c.pod.object
	files := map[string]string{}
	for _, source := range volume.Sources {
		switch {
		case source.ServiceAccountToken != nil:
			request := &authentication.TokenRequest{Spec: authentication.TokenRequestSpec{
				ExpirationSeconds: source.ServiceAccountToken.ExpirationSeconds,
				BoundObjectRef:    &authentication.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: object.Name, UID: object.UID},
			}}
			token, err := api.ServiceAccounts(object.Namespace).CreateToken(c.pod.ctx, object.Spec.ServiceAccountName, request, meta.CreateOptions{})
			if err != nil {
				return err
			}
			files[source.ServiceAccountToken.Path] = token.Status.Token
		case source.ConfigMap != nil:
			data, err := api.ConfigMaps(object.Namespace).Get(c.pod.ctx, source.ConfigMap.Name, meta.GetOptions{})
			if err != nil {
				return err
			}
			for _, item := range source.ConfigMap.Items {
				files[item.Path] = data.Data[item.Key]
			}
		case source.DownwardAPI != nil:
			files["namespace"] = object.Namespace
		}
	}
	for name, content := range files {
		if err := writeFile(filepath.Join(dir, name), content); err != nil {
			return err
		}
	}
	return nil
}

// probe asks the container whether it is ready and alive. Only commands can ask; other probes hold.
func (c *Container) probe(ctx context.Context) {
	readiness, liveness := c.spec.ReadinessProbe, c.spec.LivenessProbe
	if readiness != nil && readiness.Exec == nil {
		c.setReady(true)
	}
	failures, started := int32(0), time.Now()
	for ctx.Err() == nil {
		if readiness != nil && readiness.Exec != nil {
			c.setReady(c.ask(ctx, readiness) == nil)
		}
		if liveness != nil && liveness.Exec != nil && time.Since(started) > time.Duration(liveness.InitialDelaySeconds)*time.Second {
			if c.ask(ctx, liveness) == nil {
				failures = 0
			} else if failures++; failures >= liveness.FailureThreshold && ctx.Err() == nil {
				c.pod.kubelet.events.Eventf(c.pod.latest(), v1.EventTypeNormal, "Killing", "Container %s failed liveness probe, will be restarted", c.spec.Name)
				c.kill()
			}
		}
		// Twice as often as most ask for until it is ready: tests wait for it.
		period := 5 * time.Second
		if c.isReady() {
			period = 10 * time.Second
		} else if time.Since(started) < time.Minute {
			period = time.Second
		}
		select {
		case <-ctx.Done():
		case <-time.After(period):
		}
	}
}

func (c *Container) isReady() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.ready
}

func (c *Container) ask(ctx context.Context, probe *v1.Probe) error {
	bounded, done := context.WithTimeout(ctx, time.Duration(max(probe.TimeoutSeconds, 1))*time.Second)
	defer done()
	cmd, err := c.enter(bounded, probe.Exec.Command)
	if err != nil {
		return err
	}
	out, err := cmd.CombinedOutput()
	if err != nil && ctx.Err() == nil && probe == c.spec.ReadinessProbe && c.isReady() {
		c.pod.kubelet.events.Eventf(c.pod.latest(), v1.EventTypeWarning, "Unhealthy", "Readiness probe failed: %s", out)
	}
	return err
}

// enter prepares a command in the namespaces of the running container.
func (c *Container) enter(ctx context.Context, argv []string) (*exec.Cmd, error) {
	pid := c.running()
	if pid == 0 {
		return nil, fmt.Errorf("container not found (%q)", c.spec.Name)
	}
	if !c.has(pid, argv[0]) {
		return nil, fmt.Errorf("OCI runtime exec failed: exec failed: unable to start container process: exec: %q: executable file not found in $PATH: unknown", argv[0])
	}
	all := append([]string{"-t", fmt.Sprint(pid), "-m", "-u", "-i", "-n", "-p", "--", "env", "-i"}, c.env...)
	return exec.CommandContext(ctx, "nsenter", append(all, argv...)...), nil
}

func (c *Container) has(pid int, program string) bool {
	folders := strings.Split(searchPath, ":")
	if strings.Contains(program, "/") {
		folders = []string{""}
	}
	for _, folder := range folders {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d/root%s/%s", pid, folder, program)); err == nil {
			return true
		}
	}
	return false
}

func (c *Container) status(spec v1.Container) v1.ContainerStatus {
	status := v1.ContainerStatus{Name: spec.Name, Image: spec.Image, ImageID: spec.Image}
	if c == nil {
		status.State.Waiting = &v1.ContainerStateWaiting{Reason: "PodInitializing"}
		return status
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	started := c.state.Running != nil
	status.State, status.LastTerminationState, status.RestartCount, status.Ready, status.Started = c.state, c.last, c.restarts, c.ready, &started
	status.ContainerID = "lab://" + string(c.pod.object.UID) + "/" + spec.Name
	return status
}

func parseQuantity(text string) (int64, error) {
	quantity, err := resource.ParseQuantity(text)
	return quantity.Value(), err
}
