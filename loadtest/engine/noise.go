package engine

import (
	"math/rand/v2"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
)

// Noise is one way to write what is no record.
type Noise struct {
	Name    string
	Subject string
	Refused bool // the connection or the broker refuses it
	List    bool // it is a list of an authentic sender that cannot be read: a DENY, and no noise
	Make    func(*rand.Rand) ([]byte, error)
}

// Noise is what an agent can write that has its own keys and its own connection, and no scruples.
func (w *World) Noise(agent int) ([]Noise, error) {
	stranger, err := trust.GenerateKey()
	if err != nil {
		return nil, err
	}
	own := schemas.Subject(zoneName, schemas.KindIntent, AgentName(agent))
	another := schemas.Subject(zoneName, schemas.KindIntent, AgentName(0))
	key, ledger := w.clients[agent].member.Key, w.Fabric.Ledger
	list := func(signer *trust.SigningKey, kind schemas.Kind) func(*rand.Rand) ([]byte, error) {
		return func(random *rand.Rand) ([]byte, error) {
			return trust.SealList(kind, ledger, [][]byte{bytesOf(random, 200)}, signer)
		}
	}
	return []Noise{
		{Name: "no envelope", Subject: own, Make: func(random *rand.Rand) ([]byte, error) { return bytesOf(random, 1+random.IntN(4096)), nil }},
		{Name: "nothing at all", Subject: own, Make: func(*rand.Rand) ([]byte, error) { return nil, nil }},
		{Name: "an envelope cut off", Subject: own, Make: cut(list(key, schemas.KindIntent))},
		{Name: "a signature that does not verify", Subject: own, Make: bent(list(key, schemas.KindIntent))},
		{Name: "a key that nobody knows", Subject: own, Make: list(stranger, schemas.KindIntent)},
		{Name: "a decision of its own", Subject: own, Make: list(key, schemas.KindDecision)},
		{Name: "a list that cannot be read", Subject: own, List: true, Make: list(key, schemas.KindIntent)},
		{Name: "more than a record may have", Subject: own, Refused: true, Make: func(random *rand.Rand) ([]byte, error) {
			return bytesOf(random, schemas.MaxEnvelope+1), nil
		}},
		{Name: "another agent's subject", Subject: another, Refused: true, Make: list(key, schemas.KindIntent)},
	}, nil
}

func bytesOf(random *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.IntN(256)) //nolint:gosec // it fits
	}
	return b
}

// cut leaves the end out.
func cut(whole func(*rand.Rand) ([]byte, error)) func(*rand.Rand) ([]byte, error) {
	return func(random *rand.Rand) ([]byte, error) {
		data, err := whole(random)
		if err != nil {
			return nil, err
		}
		return data[:len(data)/2], nil
	}
}

// bent changes one bit of the signature, which stands at the end.
func bent(whole func(*rand.Rand) ([]byte, error)) func(*rand.Rand) ([]byte, error) {
	return func(random *rand.Rand) ([]byte, error) {
		data, err := whole(random)
		if err != nil {
			return nil, err
		}
		data[len(data)-1-random.IntN(32)] ^= 1 << random.IntN(8)
		return data, nil
	}
}
