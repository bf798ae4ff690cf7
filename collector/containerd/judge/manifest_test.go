package judge

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

func TestParseDocument(t *testing.T) {
	descriptor := func(size string) string {
		return `{"digest":"sha256:` + encoded + `","size":` + size + `,"mediaType":"x"}`
	}
	for name, test := range map[string]struct {
		json   string
		layers int // of a manifest; -1 for an index
		fails  bool
	}{
		"manifest":         {`{"config":` + descriptor("2") + `,"layers":[` + descriptor("7") + `,` + descriptor("8") + `]}`, 2, false},
		"without layers":   {`{"config":` + descriptor("2") + `,"layers":[]}`, 0, false},
		"index":            {`{"manifests":[` + descriptor("9") + `]}`, -1, false},
		"negative size":    {`{"config":` + descriptor("2") + `,"layers":[` + descriptor("-7") + `]}`, 0, true},
		"too large a size": {`{"config":` + descriptor("2") + `,"layers":[` + descriptor("9223372036854775807") + `]}`, 0, true},
		"a sum too large":  {`{"config":` + descriptor("2") + `,"layers":[` + descriptor("1125899906842624") + `,` + descriptor("1") + `]}`, 0, true},
		"no digest":        {`{"config":{"digest":"../../etc/passwd","size":1},"layers":[]}`, 0, true},
		"no JSON":          {"\x1f\x8b", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			doc, err := parseDocument([]byte(test.json))
			if (err != nil) != test.fails {
				t.Fatalf("error %v, want one: %t", err, test.fails)
			}
			if err != nil {
				return
			}
			m := doc.manifest()
			if (m == nil) != (test.layers < 0) || (m != nil && len(m.Layers) != test.layers) {
				t.Errorf("manifest %+v, want %d layers", m, test.layers)
			}
		})
	}
}

func TestParseChainIDs(t *testing.T) {
	a, b := digest.FromString("a"), digest.FromString("b")
	config := `{"config":{"Env":["PASSWORD=x"]},"rootfs":{"type":"layers","diff_ids":["` + a.String() + `","` + b.String() + `"]}}`
	ids, _, err := parseChainIDs([]byte(config))
	if want := []digest.Digest{a, digest.FromString(a.String() + " " + b.String())}; err != nil || !slices.Equal(ids, want) {
		t.Errorf("chain IDs %v, %v; want %v", ids, err, want)
	}
	if ids, _, err := parseChainIDs([]byte(`{}`)); len(ids) != 0 || err != nil {
		t.Errorf("of an artifact: %v, %v; want none", ids, err)
	}
	if _, _, err := parseChainIDs([]byte(strings.ReplaceAll(config, "sha256:", ""))); err == nil {
		t.Error("no error for diff IDs that are no digests")
	}
}
