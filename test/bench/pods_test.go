//go:build linux

package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	kube "github.com/pulltrace/pulltrace/test/kubernetes/node"
)

const (
	token    = "admin" // known to this API server alone
	nodeName = "node-1"
	upLimit  = time.Minute // of the API server
)

// pods starts an API server that has so many pods of this node, and lets Pulltrace watch
// them. They run, as far as the API tells: there is no kubelet.
func (n *node) pods(count int) {
	n.Helper()
	dir, err := os.MkdirTemp("", "pulltrace-bench-")
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() { os.RemoveAll(dir) })
	client, address := n.startAPIServer(dir)
	for i := range count {
		pod := pod(fmt.Sprintf("app-%d", i))
		if _, err := client.CoreV1().Pods(metav1.NamespaceDefault).Create(n.Context(), pod, metav1.CreateOptions{}); err != nil {
			n.Fatal(err)
		}
		pod.Status = running(pod)
		if _, err := client.CoreV1().Pods(metav1.NamespaceDefault).UpdateStatus(n.Context(), pod, metav1.UpdateOptions{}); err != nil {
			n.Fatal(err)
		}
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	text := fmt.Sprintf(kubeconfigText, "https://"+address, filepath.Join(dir, "apiserver.crt"), token)
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		n.Fatal(err)
	}
	n.flags = []string{"--kubernetes=on", "--node-name=" + nodeName, "--kubeconfig=" + kubeconfig}
}

const kubeconfigText = `apiVersion: v1
kind: Config
clusters:
- name: cluster
  cluster: {server: %q, certificate-authority: %q}
users:
- name: user
  user: {token: %q}
contexts:
- name: context
  context: {cluster: cluster, user: user}
current-context: context
`

// pod is about as large as those of real clusters are.
func pod(name string) *corev1.Pod {
	labels := map[string]string{"app.kubernetes.io/name": "app", "app.kubernetes.io/instance": name, "pod-template-hash": "7d4b9c6f5"}
	app := corev1.Container{Name: "app", Image: "registry.example/team/application:1.2.3", Args: []string{"--listen=:8080"}}
	for i := range 20 {
		app.Env = append(app.Env, corev1.EnvVar{Name: fmt.Sprintf("APPLICATION_SETTING_%d", i), Value: "a value of some length, as they are"})
	}
	proxy := *app.DeepCopy()
	proxy.Name, proxy.Image = "proxy", "registry.example/mesh/proxy:4.5.6"
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec:       corev1.PodSpec{NodeName: nodeName, AutomountServiceAccountToken: new(bool), Containers: []corev1.Container{app, proxy}},
	}
}

func running(pod *corev1.Pod) corev1.PodStatus {
	status := corev1.PodStatus{Phase: corev1.PodRunning}
	for _, kind := range []corev1.PodConditionType{corev1.PodReadyToStartContainers, corev1.PodInitialized, corev1.PodReady, corev1.ContainersReady, corev1.PodScheduled} {
		status.Conditions = append(status.Conditions, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()})
	}
	for _, c := range pod.Spec.Containers {
		status.ContainerStatuses = append(status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Image: c.Image, ImageID: c.Image + "@sha256:" + strings.Repeat("0", 64), Ready: true,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}},
		})
	}
	return status
}

// startAPIServer starts etcd and an API server, and returns a client of it and where it is.
func (n *node) startAPIServer(dir string) (client kubernetes.Interface, address string) {
	n.Helper()
	bin, err := kube.Build(n.Context())
	if err != nil {
		n.Fatal(err)
	}
	key, tokens := filepath.Join(dir, "sa.key"), filepath.Join(dir, "tokens.csv")
	if err := writeKey(key); err != nil {
		n.Fatal(err)
	}
	if err := os.WriteFile(tokens, []byte(token+`,admin,admin,"system:masters"`), 0o600); err != nil {
		n.Fatal(err)
	}
	etcd, peer := "http://"+n.freeAddress(), "http://"+n.freeAddress()
	n.launch(filepath.Join(bin, "etcd"), "--data-dir", filepath.Join(dir, "etcd"), "--unsafe-no-fsync", "--log-level=error",
		"--listen-client-urls="+etcd, "--advertise-client-urls="+etcd,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer)
	address = n.freeAddress()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		n.Fatal(err)
	}
	n.launch(filepath.Join(bin, "kube-apiserver"), "--etcd-servers="+etcd, "--cert-dir="+dir, "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
		"--secure-port="+port, "--endpoint-reconciler-type=none", "--authorization-mode=AlwaysAllow", "--token-auth-file="+tokens,
		"--disable-admission-plugins=ServiceAccount", "--profiling=false",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+key, "--service-account-signing-key-file="+key)
	config := &rest.Config{Host: "https://" + address, BearerToken: token, QPS: -1, TLSClientConfig: rest.TLSClientConfig{CAFile: filepath.Join(dir, "apiserver.crt")}}
	for deadline := time.Now().Add(upLimit); ; time.Sleep(100 * time.Millisecond) {
		if client, err = kubernetes.NewForConfig(config); err == nil { // before that there is no certificate
			_, err = client.CoreV1().Namespaces().Get(n.Context(), metav1.NamespaceDefault, metav1.GetOptions{})
		}
		if err == nil {
			return client, address
		}
		if time.Now().After(deadline) {
			n.Fatalf("waiting for the API server: %v", err)
		}
	}
}

// launch starts a program that runs until the test ends.
func (n *node) launch(path string, args ...string) {
	n.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(n.Context()), path, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		n.Fatalf("starting %s: %v", filepath.Base(path), err)
	}
	n.Cleanup(func() {
		cmd.Process.Kill() // all that it has goes with the test
		_ = cmd.Wait()
	})
}

// writeKey writes a key that signs the tokens of service accounts.
func writeKey(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}
