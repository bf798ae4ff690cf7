package export

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"go.opentelemetry.io/contrib/otelconf"
	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const configFile = "OTEL_CONFIG_FILE"

// fromFile sets the SDK up as a declarative configuration says. The exporters
// in it are made by otelconf and cannot be reached: nobody sees their requests,
// and their failures are logged but not counted.
func (c *Config) fromFile(ctx context.Context, name string) (*SDK, error) {
	text, err := os.ReadFile(name) //nolint:gosec // the user names it
	if err != nil {
		return nil, err
	}
	file, err := otelconf.ParseYAML(text)
	if err != nil {
		return nil, err
	}
	if err := c.complete(file); err != nil {
		return nil, err
	}
	// Where it is set, NewSDK reads the file once more and forgets what it is given.
	if err := os.Unsetenv(configFile); err != nil {
		return nil, err
	}
	defer func() { _ = os.Setenv(configFile, name) }()
	made, err := otelconf.NewSDK(
		otelconf.WithContext(ctx),
		otelconf.WithOpenTelemetryConfiguration(*file),
		otelconf.WithTracerProviderOptions(sdktrace.WithIDGenerator(c.IDs)),
	)
	if err != nil {
		return nil, err
	}
	// What the file leaves out, otelconf makes of another type, that does nothing.
	sdk := c.disabled()
	if p, ok := made.MeterProvider().(*sdkmetric.MeterProvider); ok {
		sdk.Meters = p
	}
	if p, ok := made.TracerProvider().(*sdktrace.TracerProvider); ok {
		sdk.Tracers = p
	}
	if p, ok := made.LoggerProvider().(*sdklog.LoggerProvider); ok {
		sdk.Loggers = p
	}
	return sdk, nil
}

// complete adds to a configuration what Pulltrace would have done without it.
func (c *Config) complete(file *otelconf.OpenTelemetryConfiguration) error {
	if file.Resource == nil {
		file.Resource = &otelconf.Resource{}
	}
	if file.Resource.AttributesList != nil {
		return errors.New("resource.attributes_list is not supported, use resource.attributes or OTEL_RESOURCE_ATTRIBUTES")
	}
	for _, attr := range c.Resource.Attributes() {
		if !slices.ContainsFunc(file.Resource.Attributes, func(a otelconf.AttributeNameValue) bool { return a.Name == string(attr.Key) }) {
			file.Resource.Attributes = append(file.Resource.Attributes, nameValue(attr))
		}
	}
	if file.MeterProvider != nil {
		for _, r := range file.MeterProvider.Readers {
			if r.Periodic != nil && r.Periodic.Interval == nil {
				r.Periodic.Interval = new(int(metricInterval.Milliseconds()))
			}
		}
	}
	return nil
}

func nameValue(a attribute.KeyValue) otelconf.AttributeNameValue {
	return otelconf.AttributeNameValue{Name: string(a.Key), Value: a.Value.AsInterface()}
}

// disabled is an SDK that does nothing.
func (c *Config) disabled() *SDK {
	return &SDK{
		Meters:  sdkmetric.NewMeterProvider(),
		Tracers: sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()), sdktrace.WithIDGenerator(c.IDs)),
		Loggers: sdklog.NewLoggerProvider(),
	}
}

// checkFile is the check of a setting.
func checkFile(name string) error {
	text, err := os.ReadFile(name) //nolint:gosec // the user names it
	if err == nil {
		_, err = otelconf.ParseYAML(text)
	}
	if err != nil {
		return fmt.Errorf("must be a file of OpenTelemetry's declarative configuration: %w", err)
	}
	return nil
}
