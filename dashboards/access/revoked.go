package access

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Revoked is a file with revocation lists (RFC 5280, section 5), in PEM, one for each
// authority that issues clients' certificates. It is read again when it has changed.
// Safe for concurrent use.
type Revoked struct {
	path        string
	authorities []*x509.Certificate

	mu    sync.Mutex
	is    os.FileInfo // what was read
	read  time.Time   // when it was last looked at
	lists []revocations
	err   error // of the newest reading: nobody is let in
}

// revocations is one list whose signature was checked.
type revocations struct {
	by          *x509.Certificate
	serials     map[string]bool // in decimal
	from, until time.Time
}

const (
	lookAgain = 5 * time.Second
	maxLists  = 16 << 20 // bytes
)

// ReadRevoked reads the file, whose lists the authorities, in PEM, must have signed.
func ReadRevoked(path string, authorities []byte) (*Revoked, error) {
	r := &Revoked{path: path}
	var err error
	if r.authorities, err = parseAuthorities(authorities); err != nil {
		return nil, err
	}
	_, err = r.newest()
	return r, err
}

func parseAuthorities(text []byte) (found []*x509.Certificate, err error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil {
			return nil, errors.New("access: among the clients' authorities is something that is no certificate")
		}
		found = append(found, cert)
	}
	return found, nil
}

// Check refuses chains in which each has a certificate that was revoked, or that no
// list speaks of now.
func (r *Revoked) Check(chains [][]*x509.Certificate) error {
	lists, err := r.newest()
	if err != nil {
		return errors.New("the console cannot read who was revoked")
	}
	err = errors.New("no authority vouches for it")
	for _, chain := range chains {
		if err = checkChain(chain, lists); err == nil {
			return nil
		}
	}
	return err
}

// checkChain asks the issuer of each certificate but the last, which is trusted as it is.
func checkChain(chain []*x509.Certificate, lists []revocations) error {
	if len(chain) < 2 {
		return errors.New("nobody could revoke it")
	}
	for i, cert := range chain[:len(chain)-1] {
		if err := checkOne(cert, chain[i+1], lists); err != nil {
			return err
		}
	}
	return nil
}

func checkOne(cert, by *x509.Certificate, lists []revocations) error {
	now, spoken := time.Now(), false
	for _, list := range lists {
		if !list.by.Equal(by) {
			continue
		}
		if list.serials[cert.SerialNumber.String()] {
			return errors.New("it was revoked")
		}
		spoken = spoken || !now.Before(list.from) && now.Before(list.until)
	}
	if !spoken {
		return errors.New("its authority's list of revocations is missing or out of date")
	}
	return nil
}

// newest reads the file if it has changed.
func (r *Revoked) newest() ([]revocations, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if elapsed(r.read, now) < lookAgain {
		return r.lists, r.err
	}
	r.read = now
	is, err := os.Stat(r.path)
	if err != nil {
		r.is, r.err = nil, fmt.Errorf("access: revocations: %w", err)
		return nil, r.err
	}
	if r.is != nil && r.err == nil && is.ModTime().Equal(r.is.ModTime()) && is.Size() == r.is.Size() && os.SameFile(is, r.is) {
		return r.lists, nil
	}
	r.is = is
	r.lists, r.err = r.load()
	return r.lists, r.err
}

func (r *Revoked) load() ([]revocations, error) {
	text, err := os.ReadFile(r.path)
	if err != nil {
		return nil, fmt.Errorf("access: revocations: %w", err)
	}
	return r.parse(text)
}

// parse takes lists apart, and believes those that an authority signed.
func (r *Revoked) parse(text []byte) ([]revocations, error) {
	if len(text) > maxLists {
		return nil, fmt.Errorf("access: revocations: %s has more than %d bytes", r.path, maxLists)
	}
	var lists []revocations
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		list, err := x509.ParseRevocationList(block.Bytes)
		if block.Type != "X509 CRL" || err != nil {
			return nil, fmt.Errorf("access: revocations: %s holds something that is no revocation list", r.path)
		}
		by := r.signer(list)
		if by == nil {
			return nil, fmt.Errorf("access: revocations: %s holds a list that none of the clients' authorities signed", r.path)
		}
		lists = append(lists, newRevocations(by, list))
	}
	if len(lists) == 0 {
		return nil, fmt.Errorf("access: revocations: %s holds no revocation list in PEM", r.path)
	}
	return lists, nil
}

// signer is the authority that signed a list, nil if none of ours did.
func (r *Revoked) signer(list *x509.RevocationList) *x509.Certificate {
	for _, authority := range r.authorities {
		if list.CheckSignatureFrom(authority) == nil {
			return authority
		}
	}
	return nil
}

func newRevocations(by *x509.Certificate, list *x509.RevocationList) revocations {
	serials := make(map[string]bool, len(list.RevokedCertificateEntries))
	for _, entry := range list.RevokedCertificateEntries {
		serials[entry.SerialNumber.String()] = true
	}
	return revocations{by: by, serials: serials, from: list.ThisUpdate, until: list.NextUpdate}
}
