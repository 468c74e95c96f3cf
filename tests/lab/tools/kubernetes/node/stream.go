package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	protocols "k8s.io/apimachinery/pkg/util/remotecommand"
	"k8s.io/client-go/tools/remotecommand"
	certificates "k8s.io/client-go/util/cert"
	cri "k8s.io/cri-api/pkg/apis"
	api "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-client/pkg/logs"
	"k8s.io/klog/v2"
	"k8s.io/kubelet/pkg/cri/streaming/portforward"
	streaming "k8s.io/kubelet/pkg/cri/streaming/remotecommand"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/core/install" // what log options are read by
	utilexec "k8s.io/utils/exec"
)

const (
	kubeletPort   = 10250
	idle          = 4 * time.Hour
	streamTimeout = 30 * time.Second
)

// serve answers the API server: exec, attach, port-forward and logs, by the kubelet's own handlers.
func (k *Kubelet) serve() error {
	cert, key, err := certificates.GenerateSelfSignedCertKey(k.Node, []net.IP{net.ParseIP(k.Address)}, nil)
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return err
	}
	pem, err := os.ReadFile(k.ClientCA)
	if err != nil {
		return err
	}
	authority := x509.NewCertPool()
	authority.AppendCertsFromPEM(pem)
	mux := http.NewServeMux()
	mux.HandleFunc("/exec/{namespace}/{pod}/{container}", k.inContainer(serveExec))
	mux.HandleFunc("/attach/{namespace}/{pod}/{container}", k.inContainer(serveAttach))
	mux.HandleFunc("/containerLogs/{namespace}/{pod}/{container}", k.inContainer(serveLogs))
	mux.HandleFunc("/portForward/{namespace}/{pod}", k.servePortForward)
	server := http.Server{
		Addr: fmt.Sprintf(":%d", kubeletPort), Handler: mux,
		// Streams are upgraded connections, which HTTP/2 does not have.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{pair}, ClientCAs: authority, ClientAuth: tls.RequireAndVerifyClientCert,
		},
	}
	return server.ListenAndServeTLS("", "")
}

func (k *Kubelet) inContainer(serve func(*Container, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if pod := k.byName(r.PathValue("namespace"), r.PathValue("pod")); pod != nil {
			if container := pod.container(r.PathValue("container")); container != nil {
				serve(container, w, r)
				return
			}
		}
		http.Error(w, fmt.Sprintf("container not found (%q)", r.PathValue("container")), http.StatusNotFound)
	}
}

func serveExec(c *Container, w http.ResponseWriter, r *http.Request) {
	options, err := streaming.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	streaming.ServeExec(w, r, streams{c}, c.pod.object.Name, c.pod.object.UID, c.spec.Name, r.Form["command"], options, idle, streamTimeout, protocols.SupportedStreamingProtocols)
}

func serveAttach(c *Container, w http.ResponseWriter, r *http.Request) {
	options, err := streaming.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	streaming.ServeAttach(w, r, streams{c}, c.pod.object.Name, c.pod.object.UID, c.spec.Name, options, idle, streamTimeout, protocols.SupportedStreamingProtocols)
}

func serveLogs(c *Container, w http.ResponseWriter, r *http.Request) {
	var options v1.PodLogOptions
	if err := legacyscheme.ParameterCodec.DecodeParameters(r.URL.Query(), v1.SchemeGroupVersion, &options); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Transfer-Encoding", "chunked")
	logger := klog.Background()
	out := flushing{w, http.NewResponseController(w)}
	if err := logs.ReadLogs(r.Context(), &logger, c.log, c.spec.Name, logs.NewLogOptions(&options, time.Now()), alive{container: c}, out, out); err != nil {
		fmt.Fprintln(w, err)
	}
}

// alive is the one question that a follower of logs asks.
type alive struct {
	cri.RuntimeService
	container *Container
}

func (r alive) ContainerStatus(context.Context, string, bool) (*api.ContainerStatusResponse, error) {
	state := api.ContainerState_CONTAINER_EXITED
	if r.container.running() != 0 {
		state = api.ContainerState_CONTAINER_RUNNING
	}
	return &api.ContainerStatusResponse{Status: &api.ContainerStatus{State: state}}, nil
}

// flushing sends each line at once, for those who follow.
type flushing struct {
	io.Writer
	control *http.ResponseController
}

func (f flushing) Write(data []byte) (int, error) {
	n, err := f.Writer.Write(data)
	f.control.Flush()
	return n, err
}

// streams runs what comes over an upgraded connection.
type streams struct{ *Container }

func (s streams) ExecInContainer(ctx context.Context, _ string, _ types.UID, _ string, argv []string, in io.Reader, out, errors io.WriteCloser, tty bool, _ <-chan remotecommand.TerminalSize, _ time.Duration) error {
	cmd, err := s.enter(ctx, argv)
	if err != nil {
		return err
	}
	if tty {
		cmd.Args = append([]string{"script", "-qec"}, strings.Join(cmd.Args, " "), "/dev/null")
		if cmd.Path, err = exec.LookPath("script"); err != nil {
			return err
		}
	}
	if out != nil {
		cmd.Stdout = out
	}
	if errors != nil {
		cmd.Stderr = errors
	}
	if in != nil {
		// A stdin that nobody closes must not keep the command's end from being told.
		pipe, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		go func() {
			io.Copy(pipe, in)
			pipe.Close()
		}()
	}
	err = cmd.Run()
	if ended, ok := err.(*exec.ExitError); ok {
		code := ended.ExitCode()
		if code < 0 {
			code = 137
		}
		return utilexec.CodeExitError{Err: err, Code: code}
	}
	return err
}

func (s streams) AttachContainer(ctx context.Context, _ string, _ types.UID, _ string, in io.Reader, out, _ io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize) error {
	done := make(chan struct{})
	s.mutex.Lock()
	if s.pid == 0 {
		s.mutex.Unlock()
		return fmt.Errorf("container not found (%q)", s.spec.Name)
	}
	if out != nil {
		s.followers[out] = done
	}
	stdin := s.stdin
	s.mutex.Unlock()
	if in != nil && stdin != nil {
		go io.Copy(stdin, in)
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
	s.mutex.Lock()
	delete(s.followers, out)
	s.mutex.Unlock()
	return nil
}

func (k *Kubelet) servePortForward(w http.ResponseWriter, r *http.Request) {
	pod := k.byName(r.PathValue("namespace"), r.PathValue("pod"))
	if pod == nil {
		http.Error(w, "pod not found", http.StatusNotFound)
		return
	}
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	portforward.ServePortForward(w, r, forwarder{pod}, pod.object.Name, pod.object.UID, options, idle, streamTimeout, portforward.SupportedProtocols)
}

type forwarder struct{ *Pod }

// PortForward connects from inside the pod's network namespace.
func (f forwarder) PortForward(ctx context.Context, _ string, _ types.UID, port int32, stream io.ReadWriteCloser) error {
	argv := []string{"nc", "127.0.0.1", fmt.Sprint(port)}
	if net := f.netns(); net != "" {
		argv = append([]string{"nsenter", "--net=" + net, "--"}, argv...)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout = stream
	input, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	go func() {
		io.Copy(input, stream)
		input.Close()
	}()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("port %d: %w", port, err)
	}
	return nil
}
