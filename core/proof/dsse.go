package proof

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// ErrRefused reports a file that does not establish what it claims.
var ErrRefused = errors.New("proof: the file does not verify")

// dsseEnvelope is the JSON form of DSSE v1.
type dsseEnvelope struct {
	PayloadType string          `json:"payloadType"`
	Payload     Bytes           `json:"payload"`
	Signatures  []dsseSignature `json:"signatures"`
}

type dsseSignature struct {
	KeyID string `json:"keyid"` // of ours: the SHA-256 of the raw public key, hexadecimal
	Sig   Bytes  `json:"sig"`
}

// Envelopes are the enforcers' own decisions in the JSON form of DSSE v1: payloads
// and signatures as they stand on the ledger. There is one envelope for each
// distinct payload, in the ledger's order, with the signatures of all who signed
// it: enforcers may cut their lists differently. It refuses a file that does not
// verify and one without a quorum (ErrRefused).
func Envelopes(f *File, anchor trust.Digest) ([][]byte, error) {
	v, err := established(f, anchor)
	if err != nil {
		return nil, err
	}
	var all []*dsseEnvelope
	for _, one := range v.decided.votes {
		i := slices.IndexFunc(f.Records, func(r Record) bool { return r.Position == one.at })
		env, err := trust.ParseEnvelope(f.Records[i].Envelope)
		if err != nil {
			return nil, err
		}
		all = merge(all, env)
	}
	texts := make([][]byte, len(all))
	for i, one := range all {
		if texts[i], err = json.Marshal(one); err != nil {
			return nil, fmt.Errorf("proof: encoding an envelope: %w", err)
		}
	}
	return texts, nil
}

func merge(all []*dsseEnvelope, env *trust.Envelope) []*dsseEnvelope {
	i := slices.IndexFunc(all, func(one *dsseEnvelope) bool { return string(one.Payload) == string(env.Payload) })
	if i < 0 {
		i, all = len(all), append(all, &dsseEnvelope{PayloadType: env.PayloadType, Payload: env.Payload})
	}
	for _, s := range env.Signatures {
		all[i].Signatures = append(all[i].Signatures, dsseSignature{s.KeyID.String(), s.Sig})
	}
	return all
}

// established verifies a file that something is to be said of in other words. It
// demands a quorum, too.
func established(f *File, anchor trust.Digest) (*verification, error) {
	result, v := verify(f, anchor)
	if !result.OK() {
		return nil, fmt.Errorf("%w: step %s", ErrRefused, result.Failed())
	}
	if v.decided == nil {
		return nil, fmt.Errorf("%w: no quorum of enforcers decided on its intent", ErrRefused)
	}
	return v, nil
}
