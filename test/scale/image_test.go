package scale

import (
	"fmt"
	"math/rand/v2"

	"github.com/opencontainers/go-digest"
)

// registries are the hosts that images are pulled from. A node knows three of them.
var registries = []string{"docker.io", "registry.k8s.io", "quay.io", "registry.example.com"}

// image is an image that nodes pull, the same on all of them.
type image struct {
	name, registry, tag string
	root                digest.Digest
	layers              []int64 // sizes in bytes
}

const (
	imagesOfRegistry = 15
	layersOfImage    = 6
)

// images are all images by registry: 30 MiB to 4 GiB in six layers each.
func images(random *rand.Rand) map[string][]image {
	all := make(map[string][]image)
	for _, host := range registries {
		for i := range imagesOfRegistry {
			im := image{name: fmt.Sprintf("%s/team-%d/service-%02d", host, i%4, i), registry: host, tag: fmt.Sprintf("1.%d", i)}
			im.root = digest.FromString(im.name)
			whole := float64(int64(30)<<20) * float64(int64(1)<<random.IntN(8))
			for range layersOfImage {
				im.layers = append(im.layers, int64(whole*(0.5+random.Float64())/layersOfImage))
			}
			all[host] = append(all[host], im)
		}
	}
	return all
}
