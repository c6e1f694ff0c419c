package amdgpu

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"path"
	"strconv"
)

// hideSerials replaces the hardware ids in a file that Dump is about to write.
func hideSerials(name string, content []byte) []byte {
	switch path.Base(name) {
	case "unique_id": // 16 hex digits
		id, ok := hexadecimal(bytes.TrimSpace(content))
		if !ok {
			return nil // no id that we know: nothing of it may pass
		}
		return []byte(hex16(pseudonym(id)) + "\n")
	case "properties":
		return hideLines(content)
	}
	return content
}

// hideLines replaces the decimal ids in KFD's properties.
func hideLines(content []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(content) {
		name, text, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		if string(name) != "unique_id" && string(name) != "hive_id" {
			out.Write(line)
			continue
		}
		if id, ok := decimal(bytes.TrimSpace(text)); ok {
			out.Write(name)
			out.WriteString(" " + strconv.FormatUint(pseudonym(id), 10) + "\n")
		}
	}
	return out.Bytes()
}

// pseudonym is a one-way image of an id. 0 stays 0, for it means that there is
// none.
func pseudonym(id uint64) uint64 {
	if id == 0 {
		return 0
	}
	digest := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("gpu dump pseudonym "), id))
	return max(1, binary.BigEndian.Uint64(digest[:]))
}
