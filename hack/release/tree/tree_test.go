package tree

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// at is the time of all entries; zip keeps two seconds' steps in its oldest field.
var at = time.Date(2026, 3, 1, 6, 0, 1, 0, time.UTC)

// listed is what an archive says of an entry.
type listed struct {
	Name    string
	Mode    fs.FileMode
	Time    string
	Owner   int
	Content string
}

var want = []listed{
	{"a", fs.ModeDir | 0o755, "2026-03-01T06:00:01Z", 0, ""},
	{"a/b", fs.ModeDir | 0o755, "2026-03-01T06:00:01Z", 0, ""},
	{"a/b/last", 0o644, "2026-03-01T06:00:01Z", 0, "two"},
	{"program", 0o755, "2026-03-01T06:00:01Z", 0, "one"},
}

// tree is a tree whose files are added in an order.
func tree(names ...string) *Tree {
	files := map[string]entry{"program": {0o755, []byte("one")}, "a/b/last": {0o644, []byte("two")}}
	t := &Tree{}
	for _, name := range names {
		t.File(name, files[name].mode, files[name].content)
	}
	return t
}

func TestTar(t *testing.T) {
	var one, other bytes.Buffer
	if err := errors.Join(tree("program", "a/b/last").Tar(&one, at), tree("a/b/last", "program").Tar(&other, at.In(time.FixedZone("", 3600)))); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Bytes(), other.Bytes()) {
		t.Error("the order of adding, or the time zone, changes the archive")
	}
	var got []listed
	for archive := tar.NewReader(&one); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, listed{trim(header.Name), header.FileInfo().Mode(), header.ModTime.UTC().Format(time.RFC3339), header.Uid + header.Gid, string(content)})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestZip(t *testing.T) {
	var one, other bytes.Buffer
	if err := errors.Join(tree("program", "a/b/last").Zip(&one, at), tree("a/b/last", "program").Zip(&other, at)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Bytes(), other.Bytes()) {
		t.Error("the order of adding changes the archive")
	}
	archive, err := zip.NewReader(bytes.NewReader(one.Bytes()), int64(one.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var got []listed
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, listed{trim(f.Name), f.Mode(), f.Modified.UTC().Format(time.RFC3339), 0, string(content)})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// trim removes the slash by which archives mark a directory.
func trim(name string) string { return string(bytes.TrimSuffix([]byte(name), []byte("/"))) }
