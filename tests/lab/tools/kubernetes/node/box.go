package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	securejoin "github.com/cyphar/filepath-securejoin"
	"golang.org/x/sys/unix"
)

// boxInit is the argument with which this program starts as process 1 of a box.
const boxInit = "box-init"

// Box is a process with its own view: root, mounts, host name, processes. A node is one, a container is one.
type Box struct {
	Hostname string `json:"hostname"`
	// Net is the path of a network namespace; without it the box stays in that of its maker.
	Net string `json:"net,omitempty"`
	// Lower are the folders that make the root, the first on top.
	Lower []string `json:"lower"`
	// Work is an empty folder that the box mounts its memory on.
	Work string `json:"work"`
	// Binds are `source:target` with sources as the maker sees them.
	Binds []string `json:"binds,omitempty"`
	// Files have their content written before the program starts.
	Files map[string]string `json:"files,omitempty"`
	// KeepHost leaves the maker's root visible below this path.
	KeepHost string   `json:"keep_host,omitempty"`
	Env      []string `json:"env"`
	Dir      string   `json:"dir,omitempty"`
	Argv     []string `json:"argv"`
}

// command prepares the box; its program runs once the command is started.
func (b Box) command() (*exec.Cmd, error) {
	spec, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	if _, err = write.Write(spec); err != nil {
		return nil, err
	}
	write.Close()
	cmd := exec.Command("/proc/self/exe", boxInit)
	cmd.ExtraFiles = []*os.File{read}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWPID,
	}
	return cmd, nil
}

// runBox runs a box described by a file until it ends.
func runBox(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var box Box
	if err := json.Unmarshal(text, &box); err != nil {
		return err
	}
	cmd, err := box.command()
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err := cmd.Start(); err != nil {
		return err
	}
	// Whoever wants to enter the box needs its process 1, by the number that it has outside.
	if err := os.WriteFile(path+".pid", fmt.Append(nil, cmd.Process.Pid), 0o644); err != nil {
		return err
	}
	return cmd.Wait()
}

// becomeInit makes the root of the box and turns into its program. It is process 1 there already.
func becomeInit() error {
	var box Box
	spec := os.NewFile(3, "spec")
	if err := json.NewDecoder(spec).Decode(&box); err != nil {
		return err
	}
	spec.Close()
	if box.Net != "" {
		net, err := os.Open(box.Net)
		if err != nil {
			return err
		}
		if err := unix.Setns(int(net.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("join %s: %w", box.Net, err)
		}
		net.Close()
	}
	if err := unix.Sethostname([]byte(box.Hostname)); err != nil {
		return err
	}
	if err := box.enterRoot(); err != nil {
		return err
	}
	for _, variable := range box.Env {
		if path, ok := strings.CutPrefix(variable, "PATH="); ok {
			os.Setenv("PATH", path)
		}
	}
	program, err := exec.LookPath(box.Argv[0])
	if err != nil {
		return err
	}
	return syscall.Exec(program, box.Argv, box.Env)
}

func (b Box) enterRoot() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("lab", b.Work, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("memory on %s: %w", b.Work, err)
	}
	upper, work, root := b.Work+"/upper", b.Work+"/work", b.Work+"/root"
	for _, dir := range []string{upper, work, root} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	lower := slices.Clone(b.Lower)
	for i := range len(lower) - 1 {
		// An overlay refuses a layer that lies inside of another; seen through an overlay of its own it does not.
		layer, nothing := fmt.Sprintf("%s/layer%d", b.Work, i), b.Work+"/nothing"
		if err := errors.Join(os.MkdirAll(layer, 0o755), os.MkdirAll(nothing, 0o755)); err != nil {
			return err
		}
		if err := unix.Mount("overlay", layer, "overlay", unix.MS_RDONLY, "lowerdir="+lower[i]+":"+nothing); err != nil {
			return fmt.Errorf("layer %s: %w", lower[i], err)
		}
		lower[i] = layer
	}
	layers := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", strings.Join(lower, ":"), upper, work)
	if err := unix.Mount("overlay", root, "overlay", 0, layers); err != nil {
		return fmt.Errorf("overlay %s: %w", layers, err)
	}
	for _, mount := range []struct{ kind, target string }{
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"tmpfs", "/run"}, {"tmpfs", "/tmp"},
	} {
		if err := unix.Mount(mount.kind, root+mount.target, mount.kind, 0, ""); err != nil {
			return fmt.Errorf("%s: %w", mount.target, err)
		}
	}
	for _, bind := range append([]string{"/dev:/dev"}, b.Binds...) {
		source, target, _ := strings.Cut(bind, ":")
		// A link in the new root means a place in the new root.
		inside, err := securejoin.SecureJoin(root, target)
		if err == nil {
			err = bindMount(source, inside)
		}
		if err != nil {
			return fmt.Errorf("bind %s: %w", bind, err)
		}
	}
	for path, content := range b.Files {
		if err := writeFile(root+path, content); err != nil {
			return err
		}
	}
	old := b.KeepHost
	if old == "" {
		old = "/run/.old"
	}
	if err := os.MkdirAll(root+old, 0o755); err != nil {
		return err
	}
	if err := unix.PivotRoot(root, root+old); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := os.Chdir("/" + b.Dir); err != nil {
		return err
	}
	if b.KeepHost == "" {
		if err := unix.Unmount(old, unix.MNT_DETACH); err != nil {
			return err
		}
		return os.Remove(old)
	}
	return nil
}

// bindMount shows source at target, which is made like source. A source that does not exist becomes a folder.
func bindMount(source, target string) error {
	info, err := os.Stat(source)
	if os.IsNotExist(err) {
		err = os.MkdirAll(source, 0o755)
		info, _ = os.Stat(source)
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		err = os.MkdirAll(target, 0o755)
	} else if _, missing := os.Lstat(target); missing != nil {
		err = writeFile(target, "")
	}
	if err != nil {
		return err
	}
	return unix.Mount(source, target, "", unix.MS_BIND|unix.MS_REC, "")
}

func writeFile(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	// What is there may be a link into the maker's root.
	os.Remove(path)
	mode := os.FileMode(0o644)
	if strings.HasPrefix(content, "#!") {
		mode = 0o755
	}
	return os.WriteFile(path, []byte(content), mode)
}
