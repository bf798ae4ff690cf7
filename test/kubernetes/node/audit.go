//go:build linux

package node

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"strings"
)

const auditLog = "kube/audit.log"

// auditPolicy keeps what is asked for with the credentials of service accounts.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  userGroups: ["system:serviceaccounts"]
- level: None
`

// Request is one that the API server has answered, or at least begun to.
type Request struct {
	Verb     string
	Group    string // of the API
	Resource string
	URI      string
	From     string // an address
	Status   int
}

// Requests returns what a service account has asked for, in order.
func (n *Node) Requests(namespace, name string) ([]Request, error) {
	f, err := os.Open(n.path(auditLog))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var requests []Request
	var ids []string
	for lines := bufio.NewReader(f); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return requests, nil // the last line may not be whole yet
		}
		var entry struct {
			AuditID, Verb, RequestURI string
			User                      struct{ Username string }
			ObjectRef                 struct{ APIGroup, Resource string }
			ResponseStatus            struct{ Code int }
			SourceIPs                 []string
		}
		if err := json.Unmarshal(line, &entry); err != nil {
			return nil, err
		}
		// A watch is told when it begins and when it ends.
		if entry.User.Username != "system:serviceaccount:"+namespace+":"+name || slices.Contains(ids, entry.AuditID) {
			continue
		}
		ids = append(ids, entry.AuditID)
		requests = append(requests, Request{entry.Verb, entry.ObjectRef.APIGroup, entry.ObjectRef.Resource, entry.RequestURI, strings.Join(entry.SourceIPs, ","), entry.ResponseStatus.Code})
	}
}
