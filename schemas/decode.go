package schemas

import (
	"errors"
	"fmt"
	"sync"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Errors of strict decoding; Decode wraps them with the details.
var (
	ErrMalformed = errors.New("schemas: malformed record")
	ErrOversized = errors.New("schemas: oversized record")
	ErrInvalid   = errors.New("schemas: record breaks a rule of the schema")
)

// validator knows every message of the protocol from the start, so that no
// rule is compiled while a record waits.
var validator = func() protovalidate.Validator {
	v, err := protovalidate.New(
		protovalidate.WithMessages(Messages()...),
		protovalidate.WithDisableLazy(),
		protovalidate.WithFailFast(),
	)
	if err != nil {
		panic(fmt.Sprintf("schemas: the protocol's own rules do not compile: %v", err))
	}
	return v
}()

// Messages returns an empty message of every type that has rules.
func Messages() []proto.Message {
	return []proto.Message{
		&pb.Envelope{},
		&pb.List{}, &pb.Intent{}, &pb.Delegation{}, &pb.Credential{},
		&pb.Decision{}, &pb.Claim{}, &pb.Outcome{}, &pb.Governance{}, &pb.Approval{},
		&pb.Pulse{}, &pb.Heartbeat{}, &pb.Answer{}, &pb.Release{},
	}
}

// Decode parses data into m and checks it against the schema: at most limit
// bytes, no unknown field at any depth, every rule kept, every time and
// duration within the range that protobuf gives it. Errors wrap ErrOversized,
// ErrMalformed or ErrInvalid.
func Decode(data []byte, limit int, m proto.Message) error {
	if err := parse(data, limit, m); err != nil {
		return err
	}
	if sound(m) {
		return nil
	}
	if err := walk(m.ProtoReflect(), checkKnown); err != nil {
		return err
	}
	return Validate(m)
}

// DecodeUnchecked is Decode without the schema's rules, for callers that check
// the few rules of a small message by hand.
func DecodeUnchecked(data []byte, limit int, m proto.Message) error {
	if err := parse(data, limit, m); err != nil {
		return err
	}
	return walk(m.ProtoReflect(), checkKnown)
}

func parse(data []byte, limit int, m proto.Message) error {
	if len(data) > limit {
		return fmt.Errorf("%w: %s has %d bytes, at most %d are accepted", ErrOversized, m.ProtoReflect().Descriptor().Name(), len(data), limit)
	}
	if err := proto.Unmarshal(data, m); err != nil {
		return fmt.Errorf("%w: %s: %v", ErrMalformed, m.ProtoReflect().Descriptor().Name(), err) //nolint:errorlint // the cause's text varies by design and must not be matched
	}
	return nil
}

// checkKnown refuses unknown fields, which would survive decoding unseen.
func checkKnown(part protoreflect.Message) error {
	if len(part.GetUnknown()) > 0 {
		return fmt.Errorf("%w: %s has an unknown field", ErrMalformed, part.Descriptor().FullName())
	}
	return nil
}

// Validate checks m against the rules of the schema.
func Validate(m proto.Message) error {
	if err := validator.Validate(m); err != nil {
		return fmt.Errorf("%w: %s: %v", ErrInvalid, m.ProtoReflect().Descriptor().Name(), err) //nolint:errorlint // callers match ErrInvalid, not the library's types
	}
	return walk(m.ProtoReflect(), checkTime)
}

// checkTime refuses times and durations out of protobuf's range: converted, they
// would wrap around into other times.
func checkTime(part protoreflect.Message) error {
	var err error
	switch t := part.Interface().(type) {
	case *timestamppb.Timestamp:
		err = t.CheckValid()
	case *durationpb.Duration:
		err = t.CheckValid()
	}
	if err != nil {
		return fmt.Errorf("%w: %v", ErrInvalid, err) //nolint:errorlint // the cause's text varies by design and must not be matched
	}
	return nil
}

// walk visits m and every message inside it until visit returns an error. No
// message of the protocol has a map.
func walk(m protoreflect.Message, visit func(protoreflect.Message) error) error {
	if err := visit(m); err != nil {
		return err
	}
	for _, fd := range messageFields(m.Descriptor()) {
		if !m.Has(fd) {
			continue
		}
		if !fd.IsList() {
			if err := walk(m.Get(fd).Message(), visit); err != nil {
				return err
			}
			continue
		}
		for i, list := 0, m.Get(fd).List(); i < list.Len(); i++ {
			if err := walk(list.Get(i).Message(), visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// messageFieldsOf remembers messageFields: records have many fields and few of
// them are messages.
var messageFieldsOf sync.Map // protoreflect.MessageDescriptor → []protoreflect.FieldDescriptor

func messageFields(d protoreflect.MessageDescriptor) []protoreflect.FieldDescriptor {
	if known, ok := messageFieldsOf.Load(d); ok {
		return known.([]protoreflect.FieldDescriptor) //nolint:errcheck,forcetypeassert // nothing else is stored
	}
	fields := []protoreflect.FieldDescriptor{}
	for i := range d.Fields().Len() {
		if fd := d.Fields().Get(i); fd.Message() != nil {
			fields = append(fields, fd)
		}
	}
	messageFieldsOf.Store(d, fields)
	return fields
}

// Marshal serializes a record that this process made. The bytes are
// deterministic: messages of the protocol have no maps and no unknown fields.
func Marshal(m proto.Message) ([]byte, error) {
	if !sound(m) {
		if err := Validate(m); err != nil {
			return nil, err
		}
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}
