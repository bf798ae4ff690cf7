// Package cri pulls images through the Kubernetes container runtime interface,
// as the kubelet does, and clocks each call.
//
//	client, err := cri.Dial(daemon.Socket)
//	defer client.Close()
//
//	pull := client.Pull(ctx, img.Ref())
//	pull.Start, pull.End // this process's clock around the call
//	pull.Err             // what containerd said when it failed
package cri

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Client is a client of a runtime's image service.
type Client struct {
	conn   *grpc.ClientConn
	images runtime.ImageServiceClient
}

// Dial returns a client of the runtime that serves CRI on this unix socket. It
// connects at the first call.
func Dial(socket string) (*Client, error) {
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("dialing CRI at %s: %w", socket, err)
	}
	return &Client{conn: conn, images: runtime.NewImageServiceClient(conn)}, nil
}

// Close closes the connection; calls in flight fail.
func (c *Client) Close() error { return c.conn.Close() }

// Pull is a PullImage call that has returned.
type Pull struct {
	Image      string // as asked for
	ImageRef   string // as answered: the config's digest
	Start, End time.Time
	Err        error
}

// Pull calls PullImage and waits for its end.
func (c *Client) Pull(ctx context.Context, image string) Pull {
	p := Pull{Image: image, Start: time.Now()}
	resp, err := c.images.PullImage(ctx, &runtime.PullImageRequest{Image: &runtime.ImageSpec{Image: image}})
	p.End = time.Now()
	p.ImageRef, p.Err = resp.GetImageRef(), err
	return p
}

// Start calls PullImage without waiting; the channel gets the one result.
func (c *Client) Start(ctx context.Context, image string) <-chan Pull {
	done := make(chan Pull, 1)
	go func() { done <- c.Pull(ctx, image) }()
	return done
}

// Ready returns nil when the image service answers.
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.images.ListImages(ctx, &runtime.ListImagesRequest{})
	return err
}

// Remove calls RemoveImage.
func (c *Client) Remove(ctx context.Context, image string) error {
	_, err := c.images.RemoveImage(ctx, &runtime.RemoveImageRequest{Image: &runtime.ImageSpec{Image: image}})
	return err
}
