package observe

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// Err is the field for an error, under the name that all our logs use.
func Err(err error) zap.Field {
	if err == nil {
		return zap.Skip()
	}
	return zap.String("err", err.Error())
}

const catalogKey = "message_catalog_id"

// Catalog marks an entry with the id of its text in the message catalog (128
// bits in hex), which the journal gets as MESSAGE_ID. Other outputs show
// nothing of it.
func Catalog(id string) zap.Field {
	return zap.Field{Key: catalogKey, Type: zapcore.SkipType, String: id}
}

func encoderConfig() zapcore.EncoderConfig {
	return zapcore.EncoderConfig{
		TimeKey: "time", LevelKey: "level", MessageKey: "msg", NameKey: "logger", StacktraceKey: "stack",
		LineEnding:     "\n",
		EncodeLevel:    zapcore.CapitalLevelEncoder,
		EncodeDuration: zapcore.NanosDurationEncoder,
		EncodeName:     zapcore.FullNameEncoder,
		EncodeTime: func(t time.Time, e zapcore.PrimitiveArrayEncoder) {
			e.AppendString(t.Local().Format(time.RFC3339Nano))
		},
	}
}

// jsonLines is zap's JSON encoder with every unprintable character escaped;
// zap's own leaves DEL, the C1 controls and the line separators as they are.
type jsonLines struct{ zapcore.Encoder }

func newJSONLines() zapcore.Encoder {
	return jsonLines{zapcore.NewJSONEncoder(encoderConfig())}
}

// Clone implements [zapcore.Encoder].
func (e jsonLines) Clone() zapcore.Encoder { return jsonLines{e.Encoder.Clone()} }

// EncodeEntry implements [zapcore.Encoder].
func (e jsonLines) EncodeEntry(ent zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	line, err := e.Encoder.EncodeEntry(ent, fields)
	if err != nil {
		return nil, err
	}
	escapeLine(line, escape{json: true})
	return line, nil
}

// consoleLines is zap's console encoder for people at a terminal, which must
// not be driven by what is logged.
type consoleLines struct{ zapcore.Encoder }

func newConsoleLines() zapcore.Encoder {
	c := encoderConfig()
	c.EncodeDuration = zapcore.StringDurationEncoder
	c.EncodeTime = func(t time.Time, e zapcore.PrimitiveArrayEncoder) {
		e.AppendString(t.Local().Format("15:04:05.000"))
	}
	return consoleLines{zapcore.NewConsoleEncoder(c)}
}

// Clone implements [zapcore.Encoder].
func (e consoleLines) Clone() zapcore.Encoder { return consoleLines{e.Encoder.Clone()} }

// EncodeEntry implements [zapcore.Encoder].
func (e consoleLines) EncodeEntry(ent zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	line, err := e.Encoder.EncodeEntry(ent, fields)
	if err != nil {
		return nil, err
	}
	escapeLine(line, escape{})
	return line, nil
}

// escapeLine replaces the unprintable characters of an encoded entry, save the
// tabs and newlines that the encoder itself wrote. An encoded entry is
// printable almost always, and then nothing is copied.
func escapeLine(line *buffer.Buffer, e escape) {
	text := line.String() // a copy, but runtime entries are rare
	clean := true
	for _, r := range text {
		if unprintable(r) && r != '\n' && r != '\t' {
			clean = false
			break
		}
	}
	if clean {
		return
	}
	line.Reset()
	var b []byte
	for _, r := range text {
		if unprintable(r) && r != '\n' && r != '\t' {
			b = e.appendControl(b[:0], r)
			line.AppendBytes(b)
			continue
		}
		line.AppendString(string(r))
	}
}

// flatten turns fields into names and values, sorted by name, so that equal
// entries look the same.
func flatten(fields []zapcore.Field) []pair {
	m := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(m)
	}
	pairs := make([]pair, 0, len(m.Fields))
	for k, v := range m.Fields {
		pairs = append(pairs, pair{k, text(v)})
	}
	sort.Slice(pairs, func(i, j int) bool { return pairs[i].name < pairs[j].name })
	return pairs
}

type pair struct{ name, value string }

// text shows a value as the JSON form does, without quotes around strings.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case time.Duration:
		return strconv.FormatInt(int64(v), 10)
	case time.Time:
		return v.Local().Format(time.RFC3339Nano)
	}
	if j, err := json.Marshal(v); err == nil {
		return string(j)
	}
	return fmt.Sprint(v)
}
