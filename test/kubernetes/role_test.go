//go:build linux

package kubernetes

import (
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pulltrace/pulltrace/test/kubernetes/node"
)

// role is what Pulltrace may do with pods. Where the API server streams lists, it only
// watches; it lists where that is too old to.
var role = []string{"list", "watch"}

// account is the name of the service account with these verbs, and of its role.
func (c *cluster) account(verbs []string) string {
	return strings.Join(append([]string{"pulltrace", c.namespace}, verbs...), "-")
}

// kubeconfig returns the path of a file with the credentials of a new service account.
func (c *cluster) kubeconfig(verbs []string) string {
	c.Helper()
	return c.kubeconfigVia(node.Server, c.account(verbs), c.token(verbs))
}

// kubeconfigVia is a kubeconfig for another address of the API server.
func (c *cluster) kubeconfigVia(server, name, token string) string {
	c.Helper()
	path, err := c.WriteKubeconfig(name, server, token)
	if err != nil {
		c.Fatal(err)
	}
	return path
}

// token makes a service account that may do this with pods, and nothing else, and
// returns its token.
func (c *cluster) token(verbs []string) string {
	c.Helper()
	ctx, none := c.Context(), metav1.CreateOptions{}
	name := metav1.ObjectMeta{Name: c.account(verbs)}
	_, err := c.Client.CoreV1().ServiceAccounts(c.namespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: name}, none)
	if err != nil {
		c.Fatal(err)
	}
	_, err = c.Client.RbacV1().ClusterRoles().Create(ctx, &rbacv1.ClusterRole{
		ObjectMeta: name,
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: verbs}},
	}, none)
	if err != nil {
		c.Fatal(err)
	}
	_, err = c.Client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: name,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: c.namespace, Name: name.Name}},
	}, none)
	if err != nil {
		c.Fatal(err)
	}
	return c.newToken(name.Name)
}

// newToken returns a token of a service account that there is.
func (c *cluster) newToken(account string) string {
	c.Helper()
	token, err := c.Client.CoreV1().ServiceAccounts(c.namespace).CreateToken(c.Context(), account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		c.Fatal(err)
	}
	return token.Status.Token
}
