package main

import (
	"log/slog"
	"strings"
	"testing"
)

func TestKubernetesModes(t *testing.T) {
	for _, test := range []struct {
		mode, kubeconfig, host, node string
		want                         string // mode, or part of the error
	}{
		{mode: "auto", want: "off"},
		{mode: "auto", host: "10.96.0.1", want: "off"}, // a pod without a token
		{mode: "auto", kubeconfig: "/k", node: "n1", want: "on"},
		{mode: "auto", kubeconfig: "/k", want: "--node-name"},
		{mode: "on", node: "n1", want: "on"},
		{mode: "on", want: "K8S_NODE_NAME"},
		{mode: "off", kubeconfig: "/k", want: "off"},
		{mode: "", want: `not ""`},
		{mode: "ON", node: "n1", want: `not "ON"`},
	} {
		t.Setenv("KUBERNETES_SERVICE_HOST", test.host)
		f := kubernetesFlags{mode: test.mode, kubeconfig: test.kubeconfig}
		err := f.complete(test.node)
		got := f.mode
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, test.want) || err == nil && got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}

func TestKubernetesOnOutsideOfACluster(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	log := slog.New(slog.DiscardHandler)
	f := kubernetesFlags{mode: kubernetesOn}
	if _, err := f.pods("n1", log); err == nil || !strings.Contains(err.Error(), "--kubernetes=on: ") || !strings.Contains(err.Error(), "KUBERNETES_SERVICE_HOST") {
		t.Errorf("error %v, want one that names the flag and what is not set", err)
	}
	f.mode = kubernetesOff
	if pods, err := f.pods("n1", log); pods != nil || err != nil {
		t.Errorf("off: %v, %v, want no pods", pods, err)
	}
}
