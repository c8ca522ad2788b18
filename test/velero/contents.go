package velero

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Item is an object in a backup.
type Item struct {
	// Resource is its resource and group, such as deployments.apps; configmaps for
	// the core group.
	Resource string
	// Namespace is empty for what is of the cluster.
	Namespace, Name string
}

// String is the item for people: resource namespace/name.
func (i Item) String() string { return i.Resource + " " + path.Join(i.Namespace, i.Name) }

// Contents are the objects in a backup, as JSON.
type Contents map[Item][]byte

// Has is whether an object is in the backup.
func (c Contents) Has(resource, namespace, name string) bool {
	_, ok := c[Item{Resource: resource, Namespace: namespace, Name: name}]
	return ok
}

// In are the objects of a namespace in the backup, sorted, as Item.String has them.
// Of the empty namespace they are those of the cluster.
func (c Contents) In(namespace string) []string {
	var all []string
	for item := range c {
		if item.Namespace == namespace {
			all = append(all, item.String())
		}
	}
	slices.Sort(all)
	return all
}

// Contents reads from the bucket what a backup holds.
func (s *Server) Contents(backup string) (Contents, error) {
	contents := Contents{}
	err := s.eachFile(backup, func(name string, content []byte) error {
		if item, ok := itemOf(name); ok {
			contents[item] = content
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the contents of backup %s: %w", backup, err)
	}
	return contents, nil
}

// itemOf is the item in a file of a backup's archive, such as
// resources/deployments.apps/namespaces/shop/web.json. Files by version, which have
// a folder more, hold the same objects again.
func itemOf(name string) (Item, bool) {
	item, version, ok := itemAt(name)
	return item, ok && version == ""
}

// itemAt is the item in a file of a backup's archive, and the version by which the
// archive has it there, empty for none.
func itemAt(name string) (item Item, version string, ok bool) {
	parts := strings.Split(strings.TrimSuffix(name, ".json"), "/")
	if len(parts) < 4 || parts[0] != "resources" {
		return Item{}, "", false
	}
	item.Resource, parts = parts[1], parts[2:]
	if parts[0] != "cluster" && parts[0] != "namespaces" {
		version, parts = parts[0], parts[1:]
	}
	switch {
	case len(parts) == 2 && parts[0] == "cluster":
		item.Name = parts[1]
	case len(parts) == 3 && parts[0] == "namespaces":
		item.Namespace, item.Name = parts[1], parts[2]
	default:
		return Item{}, "", false
	}
	return item, version, true
}

// eachFile calls do for each file in the archive of a backup.
func (s *Server) eachFile(backup string, do func(name string, content []byte) error) (err error) {
	file, err := os.Open(s.BackupFile(backup, ".tar.gz"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			return err
		}
		if err := do(header.Name, content); err != nil {
			return err
		}
	}
}

// BackupFile is the path of one of the files that Velero keeps of a backup in the
// store: ".tar.gz", "-logs.gz", "-volumeinfo.json.gz", "-resource-list.json.gz", ….
func (s *Server) BackupFile(backup, suffix string) string {
	return filepath.Join(s.options.Store.BucketDir(), filepath.FromSlash(s.options.Prefix), "backups", backup, backup+suffix)
}

// ReadBackupFile is the content of such a file, unzipped.
func (s *Server) ReadBackupFile(backup, suffix string) (content []byte, err error) {
	file, err := os.Open(s.BackupFile(backup, suffix))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(unzipped)
}
