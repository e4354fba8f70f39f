// A panel over the page, closed by Escape, its button, or a click beside it.
import { useEffect, useRef, type ReactNode } from "react";
import { Icon } from "./icon";

interface SheetProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
}

export function Sheet({ title, onClose, children }: SheetProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      className="sheet"
      aria-label={title}
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && dialog.current.close()}
    >
      <div className="inside">
        <header>
          <h2>{title}</h2>
          <button className="quiet" onClick={() => dialog.current?.close()} aria-label="Close">
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
