package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// maxBinary is how large the binary may be, in bytes. There is one on each node, and
// it has 21.0 MB. It has 6 MB more when something in it looks methods up by name, as
// text/template does: from then on the linker keeps every exported method of every
// type that is used. This finds it:
//
//	go build -tags=grpcnotrace -ldflags=-dumpdep ./cmd/pulltrace 2>&1 | grep ReflectMethod
//
// What else counts, in KB: the second copy of HTTP/2 (nethttpomithttp2) 500, functions
// that begin at multiples of 32 bytes, as Go has them on amd64, and not of 16
// (-funcalign=16) 190.
const maxBinary = 21_000_000

func TestBinaryIsSmall(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "pulltrace")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-tags=grpcnotrace,nethttpomithttp2", "-ldflags=-s -w -funcalign=16", "-o", binary, ".") // as make build
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.2f MB", float64(info.Size())/1e6)
	if info.Size() >= maxBinary {
		t.Errorf("the binary has %d bytes, want less than %d", info.Size(), maxBinary)
	}
}

// The types of all of Kubernetes, and the clients made for them, are as large as
// the rest.
func TestOfKubernetesOnlyWhatIsNeeded(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	client := false
	for _, p := range packages {
		client = client || p == "k8s.io/client-go/rest"
		for _, heavy := range []string{"k8s.io/api", "k8s.io/client-go/kubernetes", "k8s.io/client-go/dynamic", "k8s.io/client-go/informers"} {
			if p == heavy || strings.HasPrefix(p, heavy+"/") {
				t.Errorf("the binary has %s", p)
			}
		}
	}
	if !client {
		t.Error("the list lacks the client that is there")
	}
}
