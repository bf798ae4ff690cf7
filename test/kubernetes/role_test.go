//go:build linux

package kubernetes

import (
	"bytes"
	"context"
	"sync"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/pulltrace/pulltrace/test/deploy"
	"github.com/pulltrace/pulltrace/test/kubernetes/node"
)

// permission is one verb on one kind of thing.
type permission struct{ group, resource, verb string }

// role is what the chart lets Pulltrace do.
func (c *cluster) role() (role []permission) {
	c.Helper()
	rules, err := rules()
	if err != nil {
		c.Fatal(err)
	}
	for _, rule := range rules {
		if len(rule.ResourceNames)+len(rule.NonResourceURLs) > 0 {
			c.Fatalf("the role has a rule of another kind: %+v", rule)
		}
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					role = append(role, permission{group, resource, verb})
				}
			}
		}
	}
	return role
}

// rules are those of all roles of the chart.
var rules = sync.OnceValues(func() (rules []rbacv1.PolicyRule, err error) {
	text, err := deploy.Template(context.Background())
	if err != nil {
		return nil, err
	}
	for doc := range bytes.SplitSeq(text, []byte("\n---\n")) {
		var role rbacv1.ClusterRole
		if err := yaml.Unmarshal(doc, &role); err != nil {
			return nil, err
		}
		if role.Kind == "ClusterRole" || role.Kind == "Role" {
			rules = append(rules, role.Rules...)
		}
	}
	return rules, nil
})

// account is the name of the service account that may do this, and of its role.
func (c *cluster) account(role []permission) string {
	name := "pulltrace-" + c.namespace
	for _, p := range role {
		name += "-" + p.verb
	}
	return name
}

// kubeconfig returns the path of a file with the credentials of a new service account.
func (c *cluster) kubeconfig(role []permission) string {
	c.Helper()
	return c.kubeconfigVia(node.Server, c.account(role), c.token(role))
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

// token makes a service account that may do this and nothing else, and returns
// its token.
func (c *cluster) token(role []permission) string {
	c.Helper()
	ctx, none := c.Context(), metav1.CreateOptions{}
	name := metav1.ObjectMeta{Name: c.account(role)}
	_, err := c.Client.CoreV1().ServiceAccounts(c.namespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: name}, none)
	if err != nil {
		c.Fatal(err)
	}
	var rules []rbacv1.PolicyRule
	for _, p := range role {
		rules = append(rules, rbacv1.PolicyRule{APIGroups: []string{p.group}, Resources: []string{p.resource}, Verbs: []string{p.verb}})
	}
	_, err = c.Client.RbacV1().ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: name, Rules: rules}, none)
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

// as is a client that may what a service account may.
func (c *cluster) as(account string) kubernetes.Interface {
	c.Helper()
	config := rest.CopyConfig(c.Config)
	config.Impersonate.UserName = "system:serviceaccount:" + c.namespace + ":" + account
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		c.Fatal(err)
	}
	return client
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
