package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
)

// serveWeb answers on every port with the host name; `?bytes=N` asks for that much more.
func serveWeb(ports []string) error {
	name, _ := os.Hostname()
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s answers %s\n", name, r.RemoteAddr)
		more, _ := strconv.Atoi(r.URL.Query().Get("bytes"))
		chunk := make([]byte, 64<<10)
		for ; more > 0; more -= len(chunk) {
			if _, err := w.Write(chunk[:min(more, len(chunk))]); err != nil {
				return
			}
		}
	})
	failed := make(chan error)
	for _, port := range ports {
		listener, err := net.Listen("tcp", ":"+port)
		if err != nil {
			return err
		}
		go func() { failed <- http.Serve(listener, nil) }()
	}
	return <-failed
}
