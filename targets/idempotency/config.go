package idempotency

import (
	"errors"
	"time"

	"plimsoll/targets/knob"
)

// Config says what the layer asks of requests and where it keeps answers.
type Config struct {
	Enabled  bool          `yaml:"enabled" default:"false" about:"heed Idempotency-Key of POST and PATCH"`
	Required bool          `yaml:"required" default:"false" about:"refuse those without a key with 400"`
	Mode     string        `yaml:"mode" default:"lenient" oneof:"strict lenient" about:"strict: the key has to be a string in quotes, as the draft says; lenient: one without quotes is taken too"`
	TTL      time.Duration `yaml:"ttl" default:"24h" min:"1s" max:"720h" about:"time for which an answer is given again; then its key is a new one"`
	Lease    time.Duration `yaml:"lease" default:"30s" min:"100ms" max:"10m" about:"time that a request may take, and for which a worker that died holds up its repetition"`
	Store    string        `yaml:"store" default:"memory" oneof:"memory redis" about:"memory: each worker knows its own requests only; redis: all know all"`
	Timeout  time.Duration `yaml:"timeout" default:"100ms" min:"1ms" max:"10s" about:"time that one command of redis may take; less than lease"`
	OnError  string        `yaml:"on_store_error" default:"closed" oneof:"closed open" about:"closed: refuse with 503 while the store fails; open: let requests through unprotected"`
	MaxBody  knob.Bytes    `yaml:"max_body" default:"1MiB" min:"1kB" max:"64MiB" about:"longest body of a request with a key, past it 413; a longer answer is sent but cannot be given again"`
	Prefix   string        `yaml:"prefix" default:"idempotency:" about:"what all keys in redis begin with"`
	Entries  int           `yaml:"entries" default:"100000" min:"1" max:"10000000" about:"answers in memory at most; past it the oldest goes before its ttl"`
	Bytes    knob.Bytes    `yaml:"bytes" default:"64MiB" min:"1MiB" max:"16GiB" about:"size of the answers in memory at most"`
}

// Check returns what the fields have wrong together.
func (c Config) Check() error {
	if c.Timeout >= c.Lease {
		return errors.New("timeout has to be less than lease")
	}
	return nil
}
