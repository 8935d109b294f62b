package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/portcullis-dev/portcullis/witness"
)

// TestMends: the advice fits what is wrong, where the error has none.
func TestMends(t *testing.T) {
	data := t.TempDir()
	outside := filepath.Join(t.TempDir(), "x")
	of := func(path string, err error) error { return &fs.PathError{Op: "open", Path: path, Err: err} }
	folder := exitCodes[exitLocalState].mend
	for name, test := range map[string]struct {
		err  error
		mend string
	}{
		"missing":                    {of(outside, syscall.ENOENT), "name a file, in a folder, that is there"},
		"there already":              {of(outside, syscall.EEXIST), "name a file that is not there yet"},
		"forbidden":                  {of(outside, syscall.EACCES), "let this user read or write it, or name another"},
		"a folder":                   {of(outside, syscall.EISDIR), "name a file: this is a folder"},
		"below a file":               {of(outside, syscall.ENOTDIR), "name another: a part of this path is no folder"},
		"something else":             {of(outside, syscall.EIO), "see what is wrong with it, or name another"},
		"beside the data folder":     {of(data+"2", syscall.ENOENT), "name a file, in a folder, that is there"},
		"in the data folder":         {of(filepath.Join(data, "members", "x1"), syscall.ENOENT), folder},
		"the data folder":            {of(data, syscall.EACCES), folder},
		"a full disk":                {of(outside, syscall.ENOSPC), "make room on that disk, then do it again"},
		"the data folder's is full":  {of(filepath.Join(data, "x"), syscall.ENOSPC), "make room on that disk, then do it again"},
		"a full disk, without where": {syscall.ENOSPC, "make room on that disk, then do it again"},
		"of a command line":          {usage(of(outside, syscall.ENOENT)), exitCodes[exitUsage].mend},
		"a witness's folder":         {ofWitness(fmt.Errorf("%w is in use; stop the other: two could cosign a fork", witness.ErrFolder)), "give each witness a folder of its own, made with: portcullis witness keygen"},
		"anything":                   {fmt.Errorf("anything"), exitCodes[exitError].mend},
	} {
		t.Run(name, func(t *testing.T) {
			var stderr strings.Builder
			(&globals{stderr: &stderr, started: true, data: data}).report(fmt.Errorf("outer: %w", test.err))
			if _, mend, _ := strings.Cut(stderr.String(), "\n  mend: "); mend != test.mend+"\n" {
				t.Errorf("%s", stderr.String())
			}
		})
	}
}

// TestMendsOfCommands: what people get wrong with files is answered with that, and
// not with the data folder.
func TestMendsOfCommands(t *testing.T) {
	dir := t.TempDir()
	data, none, rumour := filepath.Join(dir, "data"), filepath.Join(dir, "none"), filepath.Join(dir, "rumour")
	done(t, "--data", data, "init", "--port", freePort(t), "--bank", freeAddress(t))
	must(t, os.WriteFile(rumour, []byte("rumour"), 0o600))
	for name, test := range map[string]struct {
		exit       int
		what, mend string
		arguments  []string
	}{
		"verify nothing":      {exitLocalState, "none", "name a file, in a folder, that is there", []string{"verify", none}},
		"verify a folder":     {exitLocalState, "is a directory", "name a file: this is a folder", []string{"verify", dir}},
		"verify a rumour":     {exitError, "not a proof file", "give a file that portcullis prove wrote", []string{"verify", rumour}},
		"audit nothing":       {exitLocalState, "none", "name a file, in a folder, that is there", []string{"audit", none}},
		"audit below a file":  {exitLocalState, "rumour", "a part of this path is no folder", []string{"audit", filepath.Join(rumour, "x")}},
		"a sealing key's id":  {exitUsage, "use a-z", "choose another id", []string{"keys", "sealing", "new", "Bad_ID!"}},
		"no data folder":      {exitLocalState, "no fabric in", "make one with: portcullis init", []string{"--data", none, "status"}},
		"sign nothing":        {exitLocalState, "none", "name a file, in a folder, that is there", []string{"loss", "--sign", none}},
		"a witness of no log": {exitLocalState, "none", "name a file, in a folder, that is there", []string{"witness", "--dir", dir, "--listen", "127.0.0.1:0", "--logs", none}},
	} {
		refused(t, name, test.exit, test.what, test.mend, append([]string{"--data", data}, test.arguments...)...)
	}
}
