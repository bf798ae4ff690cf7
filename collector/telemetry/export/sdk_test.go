package export

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"
)

var discard = slog.New(slog.DiscardHandler)

// environment sets the variables of OpenTelemetry: those given, as NAME=value,
// and all others to nothing, which is as good as not set.
func environment(t *testing.T, variables ...string) {
	t.Helper()
	for _, s := range settings() {
		t.Setenv(s.name, "")
	}
	for _, v := range variables {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
}

// setUp makes an SDK of the variables, and something of each signal.
func setUp(t *testing.T, variables ...string) *SDK {
	t.Helper()
	return setUpWith(t, Config{}, variables...)
}

func setUpWith(t *testing.T, c Config, variables ...string) *SDK {
	t.Helper()
	environment(t, variables...)
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	var err error
	// As telemetry makes it: the user's own attributes win.
	c.Resource, err = resource.New(t.Context(), resource.WithAttributes(
		attribute.String("service.name", "pulltrace"), attribute.String("k8s.node.name", "n1"),
	), resource.WithFromEnv())
	if err != nil {
		t.Fatal(err)
	}
	if c.IDs == nil {
		c.IDs = randomIDs{}
	}
	sdk, err := New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		_ = sdk.Shutdown(ctx) // a test may leave a dead backend behind
	})
	sdk.emit(t, 1)
	return sdk
}

// emit makes some metrics, and so many spans and log records.
func (s *SDK) emit(t *testing.T, times int) {
	t.Helper()
	meter, tracer, logger := s.Meters.Meter("test"), s.Tracers.Tracer("test"), s.Loggers.Logger("test")
	counter, err := meter.Int64Counter("things", metric.WithUnit("By"))
	if err != nil {
		t.Fatal(err)
	}
	histogram, err := meter.Float64Histogram("time", metric.WithUnit("s"))
	if err != nil {
		t.Fatal(err)
	}
	upDown, err := meter.Int64ObservableCounter("observed")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(upDown, 1)
		return nil
	}, upDown); err != nil {
		t.Fatal(err)
	}
	for range times {
		ctx, span := tracer.Start(t.Context(), "work", trace.WithAttributes(attribute.String("a", "long"), attribute.String("b", "long")))
		counter.Add(ctx, 1)
		histogram.Record(ctx, 1.5)
		var record log.Record
		record.SetEventName("done")
		record.AddAttributes(attribute.String("a", "long"), attribute.String("b", "long"))
		logger.Emit(ctx, record)
		span.End()
	}
}

// flush exports everything, and fails the test where that fails.
func (s *SDK) flush(t *testing.T) {
	t.Helper()
	if err := s.Flush(t.Context()); err != nil {
		t.Error(err)
	}
}

// eventually waits for what happens by itself.
func eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !happened(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

type randomIDs struct{}

func (randomIDs) NewIDs(context.Context) (t trace.TraceID, s trace.SpanID) {
	rand.Read(t[:])
	rand.Read(s[:])
	return t, s
}

func (r randomIDs) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	_, s := r.NewIDs(ctx)
	return s
}

// authority is a CA, with its certificate in a file.
type authority struct {
	file string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	pair := a.issue(t, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.cert, a.key, a.file = pair.Leaf, pair.PrivateKey.(*ecdsa.PrivateKey), filepath.Join(t.TempDir(), "ca.pem")
	a.pool.AddCert(a.cert)
	writePEM(t, a.file, "CERTIFICATE", a.cert.Raw)
	return a
}

// issue signs a certificate for this machine, or its own.
func (a *authority) issue(t *testing.T, template *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: "test"}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// client writes the files of a client's certificate and key.
func (a *authority) client(t *testing.T) (cert, key string) {
	t.Helper()
	pair := a.issue(t, &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	cert, key = filepath.Join(t.TempDir(), "client.pem"), filepath.Join(t.TempDir(), "client.key")
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, cert, "CERTIFICATE", pair.Certificate[0])
	writePEM(t, key, "PRIVATE KEY", der)
	return cert, key
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
