package socketproxy

import (
	"fmt"

	"google.golang.org/grpc/mem"
)

// raw is a message that nobody decoded.
type raw []byte

// rawCodec takes messages from the wire and puts them back as they are.
type rawCodec struct{}

// Name is that of the encoding the messages really have.
func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	msg, ok := v.(*raw)
	if !ok {
		return nil, fmt.Errorf("proxying a %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*msg)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	msg, ok := v.(*raw)
	if !ok {
		return fmt.Errorf("proxying a %T", v)
	}
	*msg = data.Materialize()
	return nil
}
