// Package filelock is the one way in which this project's processes keep each
// other out of a file or folder, and the one way in which they replace a file.
//
//	lock, err := filelock.At("/var/lib/aim/lock").Try()
//	if errors.Is(err, filelock.ErrHeld) {
//		return err // says which process has it
//	}
//	defer lock.Release()
//
// A lock is one of the open file, not of the process (F_OFD_SETLK, fcntl(2)):
// two openings in one process exclude each other as well, closing another
// descriptor of the file does not drop it, and Holder asks for it without taking
// it, so that a question never turns away somebody who is just starting. The
// kernel gives it back when its holder ends, however it ends. On NFS it reaches
// every client of the server.
//
// A name that leads to another file than the one that was locked locks nothing:
// somebody has removed or replaced it between open and lock. Try notices that,
// and Lock.Current tells it later.
//
// Replace and ReplaceIn put a whole new content in the place of the old one:
//
//	write .NAME123 beside it ─► fsync ─► rename over NAME ─► fsync of the folder
//
// A crash at any moment leaves the old content or the new one; when they return
// nil it is the new one, also after a power cut.
package filelock
