package export

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// tls returns what the files say that are set for the signal; nil where none is.
func (o otlp) tls() (*tls.Config, error) {
	var c tls.Config
	if file, name := o.get("CERTIFICATE"); file != "" {
		pem, err := os.ReadFile(file) //nolint:gosec // the user names it
		if err != nil {
			return nil, fmt.Errorf("%s must be a file that can be read: %w", name, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s must be a file with a certificate in PEM form, which %s is not", name, file)
		}
	}
	// The pair of the signal wins as a pair: its key belongs to its certificate.
	for _, prefix := range []string{"OTEL_EXPORTER_OTLP_" + o.signal + "_", "OTEL_EXPORTER_OTLP_"} {
		names := [2]string{prefix + "CLIENT_CERTIFICATE", prefix + "CLIENT_KEY"}
		cert, key := os.Getenv(names[0]), os.Getenv(names[1])
		if cert == "" && key == "" {
			continue
		}
		if cert == "" || key == "" {
			return nil, fmt.Errorf("%s and %s must both be set, or none", names[0], names[1])
		}
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("%s and %s must be files with a certificate and its key in PEM form: %w", names[0], names[1], err)
		}
		c.Certificates = []tls.Certificate{pair}
		break
	}
	if c.RootCAs == nil && c.Certificates == nil {
		return nil, nil
	}
	return &c, nil
}
