package fabric

import (
	"embed"
	"fmt"
	"io/fs"
)

// story is the release that a new fabric begins with, and the files that it
// speaks of.
//
//go:embed all:template
var story embed.FS

// Template is the source of the release that a new fabric begins with: two
// agents, four tools and a few policies that a newcomer can read.
func Template() (fs.FS, error) { return fs.Sub(story, "template/release") }

// treeFiles lists the files of a tree as what to write.
func treeFiles(tree fs.FS, under string) ([]file, error) {
	var files []file
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(tree, name)
		files = append(files, file{under + "/" + name, data})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("fabric: reading the release's template: %w", err)
	}
	return files, nil
}
