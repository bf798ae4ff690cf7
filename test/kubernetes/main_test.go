//go:build linux

package kubernetes

import (
	"os"
	"testing"

	"github.com/pulltrace/pulltrace/test/kubernetes/node"
)

func TestMain(m *testing.M) { os.Exit(node.Main(m)) }
