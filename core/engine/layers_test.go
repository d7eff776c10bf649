package engine_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/argon-lab/argon/"

// layers is the import order of core/README.md: a package imports only packages
// of layers before its own.
var layers = []string{
	"core/errs", "core/inherit", "core/bsonraw", "core/regex", "core/number", "core/expr",
	"core/kv", "core/kv/pebblekv", "core/wal", "core/refs", "core/mvcc",
	"core/query", "core/update", "core/pipeline", "core/index", "core/merge", "core/changes", "core/engine",
	"core/ejson", "core/ordered", "core/columnar", "core/arrowfile", "core/transfer", "core/auth", "core/command",
	"core/publish", "core/mirror", "core/opmsg", "core/wire", "core/attach", "core/client",
	"capi", "cmd/argon",
}

// homes are the only packages that may import a third party's.
var homes = map[string][]string{
	"github.com/cockroachdb/pebble/v2":         {"core/kv/pebblekv"},
	"github.com/apache/arrow-go/v18":           {"core/columnar", "core/arrowfile", "capi"},
	"github.com/parquet-go/parquet-go":         {"core/arrowfile"},
	"go.mongodb.org/mongo-driver/v2/mongo":     {"core/transfer", "core/mirror", "core/publish"},
	"github.com/spf13/cobra":                   {"cmd/argon"},
	"github.com/dlclark/regexp2":               {"core/regex"},
	"github.com/cockroachdb/apd/v3":            {"core/number", "core/expr"},
	"github.com/schollz/progressbar/v3":        {"cmd/argon"},
	"github.com/argon-lab/argon/core/internal": {},
}

// source is a Go file that is not a test.
type source struct {
	dir  string
	path string
	file *ast.File
}

// sources parses the tree's Go files, tests excepted.
func sources(t *testing.T) (*token.FileSet, []source) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	fset := token.NewFileSet()
	var list []source
	for _, top := range []string{"core", "capi", "cmd"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, path)
			list = append(list, source{filepath.ToSlash(filepath.Dir(rel)), filepath.ToSlash(rel), file})
			return err
		})
		require.NoError(t, err)
	}
	require.NotEmpty(t, list)
	return fset, list
}

func isTestSupport(dir string) bool { return strings.HasPrefix(dir, "core/internal/") }

func TestImportsPointOneWay(t *testing.T) {
	_, list := sources(t)
	for _, s := range list {
		if isTestSupport(s.dir) {
			continue
		}
		own := slices.Index(layers, s.dir)
		if own < 0 {
			t.Errorf("%s: package %s is in no layer; give it one in layers_test.go and core/README.md", s.path, s.dir)
			continue
		}
		for _, imp := range s.file.Imports {
			path, err := strconv.Unquote(imp.Path.Value)
			require.NoError(t, err)
			checkImport(t, s, own, path)
		}
	}
}

func checkImport(t *testing.T, s source, own int, path string) {
	for third, allowed := range homes {
		if (path == third || strings.HasPrefix(path, third+"/")) && !slices.Contains(allowed, s.dir) {
			t.Errorf("%s imports %s, which only %v may", s.path, path, allowed)
		}
	}
	if rel, ours := strings.CutPrefix(path, module); ours {
		if other := slices.Index(layers, rel); other >= own {
			t.Errorf("%s imports %s, which stands above it", s.path, rel)
		}
	}
}

// maxFunction is the hard limit on a function's lines.
const maxFunction = 70

func TestFunctionsAreShort(t *testing.T) {
	fset, list := sources(t)
	for _, s := range list {
		for _, decl := range s.file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil {
				lines := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1
				if lines > maxFunction {
					t.Errorf("%s: %s has %d lines, at most %d are allowed", s.path, fn.Name.Name, lines, maxFunction)
				}
			}
		}
	}
}

func TestFilesAreOfAReadableSize(t *testing.T) {
	fset, list := sources(t)
	for _, s := range list {
		if lines := fset.File(s.file.Pos()).LineCount(); lines > 600 {
			t.Errorf("%s has %d lines: is there a second idea in it?", s.path, lines)
		}
	}
}

func TestPackagesSayWhatTheyOwn(t *testing.T) {
	_, list := sources(t)
	documented := map[string]bool{}
	for _, s := range list {
		documented[s.dir] = documented[s.dir] || s.file.Doc != nil
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment", dir)
		}
	}
}

// TestCoreTakesItsContext looks for contexts made up on the way and for output
// and panics in library code.
func TestCoreTakesItsContext(t *testing.T) {
	fset, list := sources(t)
	banned := map[string]string{
		"context.Background": "take a context", "context.TODO": "take a context",
		"fmt.Print": "return an error or log", "fmt.Println": "return an error or log", "fmt.Printf": "return an error or log",
		"os.Exit": "return an error", "log.Fatal": "return an error",
	}
	for _, s := range list {
		if !strings.HasPrefix(s.dir, "core/") || isTestSupport(s.dir) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if pkg, ok := call.X.(*ast.Ident); ok && pkg.Obj == nil {
				if instead, bad := banned[pkg.Name+"."+call.Sel.Name]; bad {
					t.Errorf("%s: %s.%s: %s instead", fset.Position(call.Pos()), pkg.Name, call.Sel.Name, instead)
				}
			}
			return true
		})
	}
}
