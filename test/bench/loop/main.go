// Loop lists the open ingests of one namespace of containerd, again and again, and does nothing
// with them: what Pulltrace is compared with.
package main

import (
	"context"
	"flag"
	"log"
	"time"

	"github.com/containerd/containerd/v2/core/content/proxy"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func main() {
	socket := flag.String("socket", "", "of containerd")
	namespace := flag.String("namespace", "k8s.io", "whose ingests are listed")
	interval := flag.Duration("interval", time.Second, "from one time to the next")
	flag.Parse()
	conn, err := grpc.NewClient("unix://"+*socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	store := proxy.NewContentStore(conn)
	ctx := namespaces.WithNamespace(context.Background(), *namespace)
	for ; ; time.Sleep(*interval) {
		if _, err := store.ListStatuses(ctx); err != nil {
			log.Fatal(err)
		}
	}
}
