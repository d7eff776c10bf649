package query

import (
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/errs"
)

type schema struct{}

func (s *schema) matchObject(d bsonraw.Doc, r *run) bool { return true }

func (p *parser) jsonSchemaOp(v bsonraw.Value, _ int) (*node, error) {
	return nil, errs.New(errs.NotSupported, "the query operator $jsonSchema is not supported")
}
