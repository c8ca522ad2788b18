package velero

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
)

// Rewrite changes what the store holds of a backup behind Velero's back, as somebody
// would who tampers with it: edit returns the content that each object is to have.
func (s *Server) Rewrite(backup string, edit func(item Item, content []byte) []byte) (err error) {
	path := s.BackupFile(backup, ".tar.gz")
	changed, err := os.CreateTemp(s.tempDir(), "rewritten")
	if err != nil {
		return fmt.Errorf("rewrite backup %s: %w", backup, err)
	}
	zipped := gzip.NewWriter(changed)
	archive := tar.NewWriter(zipped)
	err = s.eachFile(backup, func(name string, content []byte) error {
		if item, _, ok := itemAt(name); ok {
			content = edit(item, content)
		}
		if err := archive.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Typeflag: tar.TypeReg, Mode: 0o755}); err != nil {
			return err
		}
		_, err := archive.Write(content)
		return err
	})
	if err := errors.Join(err, archive.Close(), zipped.Close(), changed.Close()); err != nil {
		return fmt.Errorf("rewrite backup %s: %w", backup, err)
	}
	return os.Rename(changed.Name(), path)
}
