package command

import (
	"context"

	"github.com/argon-lab/argon/core/auth"
	"github.com/argon-lab/argon/core/bsonraw"
	"github.com/argon-lab/argon/core/engine"
)

// settings are the engine's settings as package auth takes them.
type settings struct {
	store *engine.Store
}

func (s settings) Settings(ctx context.Context, kind string) ([]auth.Record, error) {
	list, err := s.store.Settings(ctx, kind)
	if err != nil {
		return nil, err
	}
	out := make([]auth.Record, len(list))
	for i, r := range list {
		out[i] = auth.Record{Name: r.Name, Doc: r.Doc}
	}
	return out, nil
}

func (s settings) PutSetting(ctx context.Context, kind, name string, doc bsonraw.Doc) error {
	if c, ok := ctx.Value(onceKey{}).(*call); ok {
		return s.store.PutSettings(ctx, []engine.SettingWrite{{Kind: kind, Name: name, Doc: doc}, c.remember(0, nil)})
	}
	return s.store.PutSetting(ctx, kind, name, doc)
}
