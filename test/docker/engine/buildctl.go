package engine

import (
	"context"
	"fmt"
	"os/exec"
)

// Build is docker build of a folder: by the BuildKit inside of Docker, whose protocol its
// socket speaks as well. The image is kept under this name. No step has a network, and
// none is taken from the cache.
func (e *Engine) Build(ctx context.Context, dir, ref string) Call {
	return buildctl(ctx, "unix://"+e.Socket, dir, ref)
}

// buildctl builds by a BuildKit at an address.
func buildctl(ctx context.Context, address, dir, ref string) Call {
	return clocked(func() error {
		cmd := exec.CommandContext(ctx, "buildctl", "--addr="+address, "build",
			"--progress=plain", "--no-cache",
			"--frontend=dockerfile.v0", "--local=context="+dir, "--local=dockerfile="+dir,
			"--opt=force-network-mode=none",
			"--output=type=image,name="+ref)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("buildctl: %w\n%s", err, out)
		}
		return nil
	})
}
