package fabric

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// memberFiles are a new participant's: keys, SVID and bundle. Made are the
// recorders whose log keys there are already.
func (f *Fabric) memberFiles(id trust.Identity, ca *issuer, made ...newRecorder) ([]file, error) {
	_, files, err := keyFiles()
	if err != nil {
		return nil, err
	}
	key, err := newECKey()
	if err != nil {
		return nil, err
	}
	cert, err := ca.issue(id, key.Public(), f.Clock())
	if err != nil {
		return nil, err
	}
	pem, err := marshalKey(key)
	if err != nil {
		return nil, err
	}
	bundle, err := Bundle{ID: id, Ledger: f.Ledger, Zone: f.Zone, Servers: f.NATS.Servers(), BrokerCA: f.NATS.CA, Issuers: [][]byte{ca.cert.Raw}}.file()
	if err != nil {
		return nil, err
	}
	own, err := ownFiles(id, made)
	if err != nil {
		return nil, err
	}
	return append(append(files, file{svidCert, marshalCert(cert)}, file{svidKey, pem}, bundle), own...), nil
}

// renew replaces an SVID that has less than a third of its life left. Only the
// certificate changes, so that a crash leaves a pair that matches. Where the
// issuer's key is not here, nothing is done.
func (f *Fabric) renew(dir string, id trust.Identity, now time.Time) error {
	svid, err := readSVID(dir)
	if err != nil {
		return err
	}
	leaf := svid.Chain[0]
	if left := leaf.NotAfter.Sub(now); left > leaf.NotAfter.Sub(leaf.NotBefore)/3 {
		return nil
	}
	ca, err := f.issuer()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	cert, err := ca.issue(id, svid.Key.Public(), now)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, svidCert), marshalCert(cert))
}

// issuer loads the local issuer. Without its key here the error wraps
// fs.ErrNotExist.
func (f *Fabric) issuer() (*issuer, error) {
	chain, key, err := readPair(f.path(issuerDir), issuerCert, issuerKey)
	if err != nil {
		return nil, err
	}
	if !chain[0].IsCA {
		return nil, fmt.Errorf("fabric: %s is not the certificate of an issuer", f.path(issuerDir, issuerCert))
	}
	return &issuer{cert: chain[0], key: key}, nil
}
