package main

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/witness"
)

// mendOf is what to do where an error's own text does not say.
func (g *globals) mendOf(err error, exit int) string {
	file, isFile := errors.AsType[*fs.PathError](err)
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "make room on that disk, then do it again"
	case errors.Is(err, witness.ErrFolder):
		return "give each witness a folder of its own, made with: portcullis witness keygen"
	case !isFile || exit != exitLocalState || errors.Is(err, fabric.ErrNoFabric) || g.inData(file.Path):
		return exitCodes[exit].mend
	default:
		return mendOfPath(file)
	}
}

// mendOfPath is for what lies outside the data folder: a folder that was named, or
// a file.
func mendOfPath(file *fs.PathError) string {
	switch {
	case errors.Is(file, fs.ErrNotExist):
		return "name a file, in a folder, that is there"
	case errors.Is(file, fs.ErrExist):
		return "name a file that is not there yet"
	case errors.Is(file, fs.ErrPermission):
		return "let this user read or write it, or name another"
	case errors.Is(file, syscall.EISDIR):
		return "name a file: this is a folder"
	case errors.Is(file, syscall.ENOTDIR):
		return "name another: a part of this path is no folder"
	default:
		return "see what is wrong with it, or name another"
	}
}

// inData reports whether a path lies in the data folder.
func (g *globals) inData(path string) bool {
	dir, err := g.dir()
	if err != nil {
		return false
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return false
	}
	if path, err = filepath.Abs(path); err != nil {
		return false
	}
	below, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(below)
}
