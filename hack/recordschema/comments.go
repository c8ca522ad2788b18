package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
)

// comments are those of types, as package.Type, and of fields, as package.Type.Field.
type comments map[string]string

// readComments reads the comments of packages.
func readComments(root string, folders ...string) (comments, error) {
	c := comments{}
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
			if err != nil {
				return nil, fmt.Errorf("read comments: %w", err)
			}
			c.add(parsed)
		}
	}
	return c, nil
}

// add takes the comments of a file.
func (c comments) add(file *ast.File) {
	for _, decl := range file.Decls {
		general, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range general.Specs {
			named, ok := spec.(*ast.TypeSpec)
			if !ok {
				continue
			}
			key := file.Name.Name + "." + named.Name.Name
			doc := named.Doc
			if doc == nil {
				doc = general.Doc
			}
			c[key] = sentence(doc)
			if fields, ok := named.Type.(*ast.StructType); ok {
				c.addFields(key, fields)
			}
		}
	}
}

func (c comments) addFields(key string, fields *ast.StructType) {
	for _, field := range fields.Fields.List {
		for _, name := range field.Names {
			c[key+"."+name.Name] = sentence(field.Doc)
		}
	}
}

// sentence is a comment in one line.
func sentence(doc *ast.CommentGroup) string {
	return strings.Join(strings.Fields(doc.Text()), " ")
}
