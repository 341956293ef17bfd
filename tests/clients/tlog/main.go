// Go's own transparency log client on our logs. Usage: tlog DIR VKEY INDEX [OLD_SIZE OLD_ROOT_HEX ENTRY_FILE]
// or: tlog --proof FILE VKEY ENTRY_FILE, for a C2SP tlog-proof.
// Opens the checkpoint with sumdb/note, reads tiles with sumdb/tlog, proves and checks a record and an older tree.
package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type tiles struct{ dir string }

func (t tiles) Height() int { return 8 }

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		data, err := os.ReadFile(filepath.Join(t.dir, strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
		if err != nil {
			full := tile
			full.W = 256
			data, err = os.ReadFile(filepath.Join(t.dir, strings.Replace(full.Path(), "tile/8/", "tile/", 1)))
			if err != nil {
				return nil, err
			}
			data = data[:32*tile.W]
		}
		found = append(found, data)
	}
	return found, nil
}

func check(err error) {
	if err != nil {
		fmt.Println("refused:", err)
		os.Exit(1)
	}
}

func hashOf(data []byte) (h tlog.Hash) {
	copy(h[:], data)
	return h
}

// proof checks a tlog-proof: header, index, hashes, blank line, checkpoint.
func proof(file, vkey, entryFile string) {
	data, err := os.ReadFile(file)
	check(err)
	head, message, found := strings.Cut(string(data), "\n\n")
	lines := strings.Split(head, "\n")
	if !found || lines[0] != "c2sp.org/tlog-proof@v1" {
		check(fmt.Errorf("no proof"))
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	check(err)
	var path tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := tlog.ParseHash(line)
		check(err)
		path = append(path, hash)
	}
	verifier, err := note.NewVerifier(vkey)
	check(err)
	opened, err := note.Open([]byte(message), note.VerifierList(verifier))
	check(err)
	tree := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(tree[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(tree[2])
	check(err)
	entry, err := os.ReadFile(entryFile)
	check(err)
	check(tlog.CheckRecord(path, size, root, index, tlog.RecordHash(entry)))
	fmt.Println("accepted", size)
}

func main() {
	if os.Args[1] == "--proof" {
		proof(os.Args[2], os.Args[3], os.Args[4])
		return
	}
	dir := os.Args[1]
	verifier, err := note.NewVerifier(os.Args[2])
	check(err)
	message, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	check(err)
	opened, err := note.Open(message, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != verifier.Name() {
		check(fmt.Errorf("origin %q", lines[0]))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	raw, err := base64.StdEncoding.DecodeString(lines[2])
	check(err)
	root := hashOf(raw)
	reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, tiles{dir})
	index, err := strconv.ParseInt(os.Args[3], 10, 64)
	check(err)
	if len(os.Args) > 4 {
		old, err := strconv.ParseInt(os.Args[4], 10, 64)
		check(err)
		oldRoot, err := hex.DecodeString(os.Args[5])
		check(err)
		entry, err := os.ReadFile(os.Args[6])
		check(err)
		record, err := tlog.ProveRecord(size, index, reader)
		check(err)
		check(tlog.CheckRecord(record, size, root, index, tlog.RecordHash(entry)))
		tree, err := tlog.ProveTree(size, old, reader)
		check(err)
		check(tlog.CheckTree(tree, size, root, old, hashOf(oldRoot)))
	}
	fmt.Println("accepted", size)
}
