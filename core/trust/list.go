package trust

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ErrList reports a payload that is not a list of items.
var ErrList = errors.New("trust: not a list")

// SealList wraps serialized items of one kind in a List for the ledger and
// signs it.
func SealList(kind schemas.Kind, ledger Digest, items [][]byte, key *SigningKey) ([]byte, error) {
	payload, err := marshalList(ledger, items)
	if err != nil {
		return nil, err
	}
	return Seal(kind.PayloadType(), payload, key)
}

func marshalList(ledger Digest, items [][]byte) ([]byte, error) {
	if len(items) < 1 || len(items) > schemas.MaxItems {
		return nil, fmt.Errorf("trust: a list has 1 to %d items, not %d", schemas.MaxItems, len(items))
	}
	payload, err := proto.MarshalOptions{Deterministic: true}.Marshal(&pb.List{Ledger: ledger[:], Items: items})
	if err != nil {
		return nil, fmt.Errorf("trust: serializing a list: %w", err)
	}
	return payload, nil
}

// SealIntroducedList is SealList for readers that do not follow the ledger.
func SealIntroducedList(kind schemas.Kind, ledger Digest, items [][]byte, credential []byte, key *SigningKey) ([]byte, error) {
	payload, err := marshalList(ledger, items)
	if err != nil {
		return nil, err
	}
	return SealIntroduced(kind.PayloadType(), payload, credential, key)
}

// ParseList reads a List: the ledger that it is bound to and its items, which
// are not looked into. They share the payload's memory. Errors wrap ErrList.
func ParseList(payload []byte) (ledger Digest, items [][]byte, err error) {
	named, items, err := readList(payload)
	if err != nil {
		return Digest{}, nil, fmt.Errorf("%w: %w", ErrList, err)
	}
	ledger, ok := DigestFrom(named)
	if n := len(items); !ok || n < 1 {
		return Digest{}, nil, fmt.Errorf("%w: %d items (1 to %d) for a ledger digest of %d bytes (32)", ErrList, n, schemas.MaxItems, len(named))
	}
	return ledger, items, nil
}
