// Before the theme's search, in its worker: sections that hold the words as they were typed come first. Spaces, signs of
// HTML and capitals do not count; the theme's own search would take -1.48 as "without 1.48" and |w|^p as a mistake.
{
  const squeezed = text => text.replace(/<[^>]*>/g, "").replace(/&lt;/g, "<").replace(/&gt;/g, ">")
    .replace(/&quot;/g, '"').replace(/&amp;/g, "&").replace(/\s+/g, "").toLowerCase()
  let sections = [], exact = new Map()
  addEventListener("message", ({data}) => {
    if (data.type === 0) {
      sections = data.data.docs.map(doc => ({...doc, words: squeezed(doc.title + " " + doc.text)}))
    } else if (data.type === 2) {
      const asked = squeezed(data.data)
      exact = new Map(sections.filter(each => asked.length > 1 && each.words.includes(asked))
        .map(each => [each.location, each]))
      data.data = data.data.replace(/SEPARATOR/g, " ")
    }
  })
  const page = location => location.split("#")[0]
  const answer = self.postMessage.bind(self)
  self.postMessage = (message, ...rest) => {
    if (message.type === 3 && exact.size) {
      const groups = new Map(message.data.items.map(group => [page(group[0].location), group]))
      for (const {words, ...each} of exact.values()) {
        const group = groups.get(page(each.location)) || []
        if (!group.some(item => item.location === each.location)) group.push({...each, score: 1, terms: {}})
        groups.set(page(each.location), group)
      }
      // Pages with the words first, those of the textbook before others, and in a page the sections that hold them.
      const rank = item => exact.has(item.location) ? item.boost || 1 : 0
      const best = group => Math.max(...group.map(rank))
      message.data.items = [...groups.values()].sort((a, b) => best(b) - best(a))
        .map(group => group.sort((a, b) => rank(b) - rank(a)))
    }
    answer(message, ...rest)
  }
}
