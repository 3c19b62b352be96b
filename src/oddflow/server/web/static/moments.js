// "3 min ago" goes on while the page stands.
const words = (seconds) => {
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return `${Math.floor(seconds / 3600)} h ago`;
};

export const tellAgo = () => {
  setInterval(() => {
    if (document.hidden) return;
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const seconds = Math.floor((Date.now() - Date.parse(time.dateTime)) / 1000);
      if (seconds < 0) continue;
      const told = seconds < 86400 ? words(seconds) : time.title;
      if (time.textContent !== told) time.textContent = told;
    }
  }, 10000);
};
