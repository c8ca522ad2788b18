package volume

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

type content struct {
	Name string `json:"name"`
	N    int    `json:"n"`
}

func TestCheckedFileShowsEveryChangedByte(t *testing.T) {
	data, err := EncodeChecked(content{"a name", 12})
	if err != nil {
		t.Fatal(err)
	}
	var got content
	if err := DecodeChecked(data, &got); err != nil || got != (content{"a name", 12}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for i := range data {
		for bit := range 8 {
			changed := append([]byte{}, data...)
			changed[i] ^= 1 << bit
			if err := DecodeChecked(changed, &got); err == nil {
				t.Errorf("byte %d, bit %d: accepted", i, bit)
			}
		}
		if err := DecodeChecked(data[:i], &got); err == nil {
			t.Errorf("cut at byte %d: accepted", i)
		}
	}
	if err := DecodeChecked(append(data, '\n'), &got); !errors.Is(err, ErrChecksum) {
		t.Errorf("with a byte more: got %v, want ErrChecksum", err)
	}
}

func TestWriteFileReplacesAndLeavesNothingBehind(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "file")
	for i, write := range []func(string, []byte) error{WriteFile, Replace, WriteFile} {
		want := string(rune('a' + i))
		if err := write(path, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v, want one file", entries, err)
	}
	if err := MkdirAll(path); err == nil {
		t.Error("a directory was made of a file")
	}
}

func TestClassifySaysWhatAnErrorMeans(t *testing.T) {
	other := errors.New("other")
	for name, tc := range map[string]struct{ err, want error }{
		"read-only":  {&os.PathError{Op: "open", Err: unix.EROFS}, ErrReadOnly},
		"no room":    {&os.PathError{Op: "write", Err: unix.ENOSPC}, ErrFull},
		"over quota": {unix.EDQUOT, ErrFull},
		"in words":   {errors.New("add leaf 7: failed to create temp file: " + unix.ENOSPC.Error()), ErrFull},
		"classified": {ErrFull, ErrFull},
		"other":      {other, other},
		"none":       {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Classify(tc.err); !errors.Is(got, tc.want) || (tc.want == nil) != (got == nil) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestLockIsExclusiveUntilItIsClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "LOCK")
	first, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(path); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v, want ErrInUse", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFreezeTakesAwayTheRightToWrite(t *testing.T) {
	dir := t.TempDir()
	if err := MkdirAll(filepath.Join(dir, "sub")); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "sub", "file"), []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := Freeze(dir); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode()&0o222 != 0 {
			t.Errorf("%s has mode %s", path, info.Mode())
		}
		// The test's own clean-up needs the right back.
		return errors.Join(err, os.Chmod(path, info.Mode()|0o200))
	})
	if err != nil {
		t.Fatal(err)
	}
}
