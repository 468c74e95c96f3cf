// The lab's own program: what a container runtime and a kubelet would do on a node, with namespaces and an overlay.
package main

import (
	"fmt"
	"os"
	"runtime"
)

func init() {
	// Joining a network namespace and changing the root are properties of a thread.
	runtime.LockOSThread()
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "lab-node: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: lab-node box SPEC | kubelet CONFIG | web PORT...")
	}
	switch args[0] {
	case "box":
		return runBox(args[1])
	case boxInit:
		return becomeInit()
	case "kubelet":
		return runKubelet(args[1])
	case "web":
		return serveWeb(args[1:])
	}
	return fmt.Errorf("no such part: %s", args[0])
}
