//go:build linux

package node

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	etcdURL = "http://127.0.0.1:2379"
	peerURL = "http://127.0.0.1:2380"

	adminToken = "admin" // known to this cluster alone

	serviceAccountKey = "kube/sa.key"
)

// Server is the address of the API server, whose port is 443 as that of its service.
const Server = Address + ":443"

// controllers are those that the tests need. That of orphaned pods is not among them:
// it removes pods of nodes that there are not.
const controllers = "serviceaccount-controller,root-ca-certificate-publisher-controller,namespace-controller," +
	"daemonset-controller,node-lifecycle-controller,garbage-collector-controller"

const admin = "admin"

// Kubeconfig returns the path of the one with which the administrator may do all.
func (n *Node) Kubeconfig() string { return n.path("kube/" + admin + ".kubeconfig") }

// certificate is the one that the API server makes for itself, and so its own CA.
func (n *Node) certificate() string { return n.path("kube/apiserver.crt") }

func (n *Node) startControlPlane(ctx context.Context) error {
	var err error
	n.etcd, err = n.launch("etcd", "--data-dir", n.path("etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls="+etcdURL, "--advertise-client-urls="+etcdURL,
		"--listen-peer-urls="+peerURL, "--initial-advertise-peer-urls="+peerURL, "--initial-cluster=default="+peerURL)
	if err != nil {
		return err
	}
	key, err := n.writeServiceAccountKey()
	if err != nil {
		return err
	}
	if err := n.StartAPIServer(ctx); err != nil {
		return err
	}
	kubeconfig, err := n.WriteKubeconfig(admin, Server, adminToken)
	if err != nil {
		return err
	}
	for name, args := range map[string][]string{
		"kube-controller-manager": {"--service-account-private-key-file=" + key, "--root-ca-file=" + n.certificate(), "--controllers=" + controllers},
		"kube-scheduler":          {"--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig},
	} {
		p, err := n.launch(name, append(args, "--kubeconfig="+kubeconfig, "--leader-elect=false",
			"--bind-address=127.0.0.1", "--cert-dir="+n.path("kube/"+name))...)
		if err != nil {
			return err
		}
		n.others = append(n.others, p)
	}
	return nil
}

// KillAPIServer ends the API server as a crash does, until it is started again.
func (n *Node) KillAPIServer() { n.apiServer.kill() }

// StartAPIServer starts the API server and waits until it is ready. It has what it had
// before.
func (n *Node) StartAPIServer(ctx context.Context) error {
	tokens, err := n.write("kube/tokens.csv", adminToken+`,admin,admin,"system:masters"`)
	if err != nil {
		return err
	}
	policy, err := n.write("kube/audit.yaml", auditPolicy)
	if err != nil {
		return err
	}
	key := n.path(serviceAccountKey)
	n.apiServer, err = n.launch("kube-apiserver", "--audit-policy-file="+policy, "--audit-log-path="+n.path(auditLog), "--etcd-servers="+etcdURL, "--cert-dir="+n.path("kube"),
		"--secure-port=443", "--advertise-address="+Address, "--endpoint-reconciler-type=none", "--service-cluster-ip-range="+serviceRange,
		"--authorization-mode=RBAC", "--token-auth-file="+tokens, "--allow-privileged=true", "--profiling=false",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+key, "--service-account-signing-key-file="+key)
	if err != nil {
		return err
	}
	n.Config = &rest.Config{Host: "https://" + Server, BearerToken: adminToken, QPS: -1, TLSClientConfig: rest.TLSClientConfig{CAFile: n.certificate()}}
	return n.apiServer.until("the API server to be ready", func() error {
		var err error
		if n.Client, err = kubernetes.NewForConfig(n.Config); err != nil { // until there is the certificate
			return err
		}
		if err := n.Client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
			return err
		}
		_, err = n.Client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceDefault, metav1.GetOptions{})
		return err
	})
}

// WriteKubeconfig writes a file with the credentials of a token, for an address where
// the API server answers, and returns its path.
func (n *Node) WriteKubeconfig(name, server, token string) (string, error) {
	text, err := render("kubeconfig.yaml", map[string]string{"Server": "https://" + server, "CA": n.certificate(), "Token": token})
	if err != nil {
		return "", err
	}
	return n.write("kube/"+name+".kubeconfig", text)
}

// writeServiceAccountKey makes the key that signs the tokens of service accounts.
func (n *Node) writeServiceAccountKey() (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return "", fmt.Errorf("writing the key of service accounts: %w", err)
	}
	return n.write(serviceAccountKey, string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})))
}
