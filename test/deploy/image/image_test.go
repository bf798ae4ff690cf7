package image_test

import (
	"bytes"
	"crypto/x509"
	"debug/elf"
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pulltrace/pulltrace/test/deploy/image"
)

// built is the archive with the image for both platforms, which the tests share.
var built = struct {
	sync.Once

	dir, archive string
	err          error
}{}

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(built.dir)
	os.Exit(code)
}

// unpacked returns the folder with what is in the image for a platform, and its
// configuration.
func unpacked(t *testing.T, platform string) (string, ocispec.Image) {
	t.Helper()
	image.Require(t)
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "pulltrace-image-"); built.err == nil {
			built.archive, built.err = image.Build(t.Context(), built.dir, "linux/amd64", "linux/arm64")
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	root := filepath.Join(t.TempDir(), "root")
	config, err := image.Unpack(built.archive, platform, root)
	if err != nil {
		t.Fatal(err)
	}
	return root, config
}

var machines = map[string]elf.Machine{"linux/amd64": elf.EM_X86_64, "linux/arm64": elf.EM_AARCH64}

// The image has two files, of which anybody may use both.
func TestContent(t *testing.T) {
	for platform := range machines {
		root, _ := unpacked(t, platform)
		got := map[string]fs.FileMode{}
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			got[path[len(root):]] = info.Mode() & 0o005 // read and execute, for others
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]fs.FileMode{"/pulltrace": 0o005, "/etc/ssl/certs/ca-certificates.crt": 0o004}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: files and what others may do with them (-want +got):\n%s", platform, diff)
		}
	}
}

// The binary is for the platform's machine, and needs nothing but the kernel.
func TestBinaryIsStatic(t *testing.T) {
	for platform, machine := range machines {
		root, _ := unpacked(t, platform)
		binary, err := elf.Open(filepath.Join(root, "pulltrace"))
		if err != nil {
			t.Fatal(err)
		}
		defer binary.Close()
		if binary.Machine != machine {
			t.Errorf("%s: the binary is for %s", platform, binary.Machine)
		}
		for _, p := range binary.Progs {
			if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
				t.Errorf("%s: the binary is linked dynamically", platform)
			}
		}
		if binary.Section(".debug_info") != nil || binary.Section(".symtab") != nil {
			t.Errorf("%s: the binary is not stripped", platform)
		}
	}
}

func TestCertificateAuthorities(t *testing.T) {
	root, _ := unpacked(t, "linux/amd64")
	text, err := os.ReadFile(filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"))
	if err != nil {
		t.Fatal(err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(text) {
		t.Error("there is no certificate")
	}
	const some = 100 // Mozilla trusts some 140
	if n := bytes.Count(text, []byte("-----BEGIN CERTIFICATE-----")); n < some {
		t.Errorf("there are %d authorities, want more than %d", n, some)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			t.Errorf("an authority cannot be read: %v", err)
		}
	}
}

func TestConfiguration(t *testing.T) {
	for platform := range machines {
		_, config := unpacked(t, platform)
		if diff := cmp.Diff([]string{"/pulltrace"}, config.Config.Entrypoint); diff != "" {
			t.Errorf("%s: entrypoint (-want +got):\n%s", platform, diff)
		}
		if got := config.OS + "/" + config.Architecture; got != platform {
			t.Errorf("the image for %s says that it is for %s", platform, got)
		}
		for _, label := range []string{"title", "description", "url", "source", "documentation", "licenses"} {
			if config.Config.Labels["org.opencontainers.image."+label] == "" {
				t.Errorf("%s: there is no label %s", platform, label)
			}
		}
	}
}
